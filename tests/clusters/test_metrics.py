import jax
import jax.numpy as jnp
import numpy as np
import pytest

from anharmonic.clusters.metrics import CURVATURES, METRICS, STRAIN_METRICS, get_metric, get_strain_metric
from anharmonic.errors import AnharmonicError

REFERENCE = {
    "quadratic": lambda d: (d**2 - 1) / 2,
    "linear": lambda d: d - 1,
    "logarithmic": np.log,
    "inverse": lambda d: (1 - 1 / d**2) / 2,
}


@pytest.mark.parametrize("name", METRICS)
def test_equations(name):
    distances = np.linspace(0.5, 2, 31)
    expected = REFERENCE[name](distances)
    np.testing.assert_allclose(get_metric(name)(distances**2), expected, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(get_strain_metric(name)((distances**2 - 1) / 2), expected, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("name", METRICS)
def test_numpy_keeps_double_precision_and_jax_stays_jax(name):
    for table in (METRICS, STRAIN_METRICS):
        assert table[name](np.ones(3)).dtype == np.float64
        assert isinstance(jax.jit(table[name])(jnp.ones(3)), jax.Array)
        assert np.ndim(table[name](0.5)) == 0


@pytest.mark.parametrize("name", METRICS)
def test_slopes_and_curvatures_at_the_reference(name):
    strain_metric = STRAIN_METRICS[name]
    assert strain_metric(0.0) == 0
    assert jax.grad(METRICS[name])(1.0) == pytest.approx(0.5, abs=1e-6)
    assert jax.grad(strain_metric)(0.0) == pytest.approx(1, abs=1e-6)
    assert jax.grad(jax.grad(strain_metric))(0.0) == pytest.approx(CURVATURES[name], abs=1e-5)


@pytest.mark.parametrize("name", METRICS)
def test_small_strains_keep_their_relative_precision_in_float32(name):
    strains = np.logspace(-7, -1, 50)
    single = np.asarray(STRAIN_METRICS[name](jnp.asarray(strains, jnp.float32)), float)
    np.testing.assert_allclose(single, STRAIN_METRICS[name](strains), rtol=1e-6)


@pytest.mark.parametrize("get", [get_metric, get_strain_metric])
def test_unknown_names_are_answered_with_the_known_ones(get):
    with pytest.raises(AnharmonicError, match="'cubic'.*quadratic, linear, logarithmic, inverse"):
        get("cubic")

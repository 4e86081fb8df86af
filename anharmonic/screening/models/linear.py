"""Linear and kernel models on any descriptor, with a grid search, by scikit-learn."""

import numpy as np

from anharmonic.screening.extras import extra

ALPHAS = (1e-3, 3e-3, 1e-2, 3e-2)
"""Of LASSO, on standardised columns and logarithms."""
RIDGES = (1e-2, 1e-1, 1.0, 10.0)
FOLDS = 4


def lasso():
    """LASSO on standardised columns; its penalty by cross-validation."""
    return _searched(extra("sklearn.linear_model").Lasso(max_iter=20_000), {"model__alpha": ALPHAS})


def ridge():
    """Ridge regression on standardised columns, equal to kernel ridge regression with the linear kernel."""
    return _searched(
        extra("sklearn.kernel_ridge").KernelRidge(kernel="linear"), {"model__alpha": [r * 100 for r in RIDGES]}
    )


def kernel_ridge(columns):
    """Kernel ridge regression with the Gaussian kernel on standardised columns, of which there are `columns`."""
    grid = {"model__alpha": RIDGES[:3], "model__gamma": [0.03 / columns, 0.1 / columns, 0.3 / columns]}
    return _searched(extra("sklearn.kernel_ridge").KernelRidge(kernel="rbf"), grid)


def _searched(model, grid):
    """The model with the least mean absolute error of the logarithm of positive values."""
    compose, pipeline = extra("sklearn.compose"), extra("sklearn.pipeline")
    scaler = extra("sklearn.preprocessing").StandardScaler
    logarithm = extra("sklearn.preprocessing").FunctionTransformer(np.log, np.exp, check_inverse=False)
    steps = [("scale", scaler()), ("model", model)]
    search = extra("sklearn.model_selection").GridSearchCV(
        pipeline.Pipeline(steps), grid, cv=FOLDS, scoring="neg_mean_absolute_error"
    )
    target = pipeline.Pipeline([("log", logarithm), ("scale", scaler())])
    return compose.TransformedTargetRegressor(search, transformer=target)

"""One row in a process of its own, so that its memory and CPU time are its own and its cores can be limited.

The process builds the work, warms up, and then measures one repeat for every line that it reads; the parent
thus takes the repeats of several rows in turn. It answers in lines of JSON.
"""

import contextlib
import ctypes
import gc
import json
import os
import resource
import sys
import time
import traceback

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def main(spec):
    """Measure the row that `spec` describes; repeats on demand, or as many as it says.

    Parameters
    ----------
    spec : dict
        row, size, cores, seconds (about, of a repeat), optional apart, repeats and nep; or ``{"prepare": model}``.
    """
    last_cores = limit_threads(spec.get("cores", 1), spec.get("apart", 0))
    answers = _take_stdout()

    def answer(**values):
        print(json.dumps(values), file=answers, flush=True)

    try:
        if "prepare" in spec:
            import models

            return models.prepare(spec["prepare"])
        signals = range(spec["repeats"]) if "repeats" in spec else sys.stdin
        measure(spec, signals, answer, lambda: move_to(last_cores))
    except Exception as error:
        kind = "skipped" if type(error).__name__ == "Skipped" else "failed"
        traceback.print_exc()
        answer(**{kind: str(error) if kind == "skipped" else f"{type(error).__name__}: {error}"})
    return None


def limit_threads(cores, apart):
    """Give this process `cores` cores, `apart` from the last, and return the last; to call before threads start."""
    allowed = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_setaffinity") else []
    if allowed:
        os.sched_setaffinity(0, allowed[: len(allowed) - apart][-cores:])
    for name in THREADS:
        os.environ[name] = str(cores)
    if cores == 1:
        os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_cpu_multi_thread_eigen=false"
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    return allowed[-cores:]


def move_to(cores):
    """Move all threads to `cores`: rows may be built side by side, but all are measured in the same place (Linux)."""
    with contextlib.suppress(OSError):
        for thread in os.listdir("/proc/self/task"):
            os.sched_setaffinity(int(thread), cores)


def measure(spec, signals, answer, settle):
    """Build, warm up, settle, repeat, and report."""
    from registry import ROWS

    row, begin = ROWS[spec["row"]], time.perf_counter()
    work = row.build(spec["size"], spec)
    setup, first = time.perf_counter() - begin, _seconds(work.run, 1)
    n_steps, once = _steps_for(work, spec["seconds"])
    compiling = [max(0.0, seconds - once) for seconds in first]
    peak = _peak_bytes()
    _forget_peak()
    settle()
    answer(
        row=spec["row"], size=spec["size"], cores=spec["cores"], amount=work.amount, unit=work.unit,
        method=work.method, setup_s=setup, compile_s=compiling[0], compile_cpu_s=compiling[1], n_steps=n_steps,
        device=_device(),
    )  # fmt: skip
    for _ in signals:
        wall, cpu = _seconds(work.run, n_steps)
        answer(wall=wall, cpu=cpu)
    run_peak = _peak_bytes()
    answer(facts=work.facts(), peak_bytes=max(peak, run_peak), run_peak_bytes=run_peak, device_bytes=_device_bytes())


def _seconds(run, n_steps):
    """(wall, CPU) seconds of a call; CPU time is that of all threads."""
    wall, cpu = time.perf_counter(), time.process_time()
    run(n_steps)
    return time.perf_counter() - wall, time.process_time() - cpu


def _steps_for(work, seconds):
    """Steps that take about `seconds`, and the time of one."""
    n_steps, wall = 1, _seconds(work.run, 1)[0]
    while wall < 0.5 * seconds:
        n_steps = min(10 * n_steps, max(n_steps + 1, int(seconds / wall * n_steps)))
        wall = _seconds(work.run, n_steps)[0]
    return n_steps, wall / n_steps


def _take_stdout():
    """The original standard output for the answers; whatever libraries print goes to standard error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return answers


def _peak_bytes():
    """Largest resident memory; the kernel's own mark, which starts anew with each program."""
    try:
        with open("/proc/self/status", encoding="ascii") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        scale = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale


def _forget_peak():
    """Give freed memory back and let the mark of `_peak_bytes` start anew, without the compiler's share (Linux)."""
    gc.collect()
    try:
        ctypes.CDLL(None).malloc_trim(0)
        with open("/proc/self/clear_refs", "w", encoding="ascii") as marks:
            marks.write("5")
    except (OSError, AttributeError):
        return


def _device():
    """Kind of the device that JAX computes on, if it was used."""
    jax = sys.modules.get("jax")
    return jax.devices()[0].device_kind if jax else "cpu"


def _device_bytes():
    """Largest memory on an accelerator, zero without one."""
    jax = sys.modules.get("jax")
    if not jax or jax.devices()[0].platform == "cpu":
        return 0
    return (jax.devices()[0].memory_stats() or {}).get("peak_bytes_in_use", 0)

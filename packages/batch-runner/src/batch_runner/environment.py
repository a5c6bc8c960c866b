"""What a worker process finds in its environment: what the service gives, and little of this machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from batch_runner.settings import Settings

# A cluster node knows none of the user's own variables: a script that needs one must fail here too.
FROM_THIS_MACHINE = (
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "TMPDIR",
    "TZ",
    "LANG",
    "LANGUAGE",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "CUDA_VISIBLE_DEVICES",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONPYCACHEPREFIX",
)
# Without these, every worker starts a thread per core: measured 2 to 3 times slower with one worker per core.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def worker_environment(
    settings: Settings, *, model: Path, output: Path, environment: Mapping[str, str]
) -> dict[str, str]:
    """The variables of a worker: later ones win.

    This machine's few (FROM_THIS_MACHINE, LC_*), one thread per worker, the deployment's `environment_variables`,
    `environment` (of the job, such as AZUREML_RUN_ID), AZUREML_MODEL_DIR and AZUREML_BI_OUTPUT_PATH.
    """
    kept = {name: os.environ[name] for name in FROM_THIS_MACHINE if name in os.environ}
    kept |= {name: value for name, value in os.environ.items() if name.startswith("LC_")}
    service = {"AZUREML_MODEL_DIR": str(model), "AZUREML_BI_OUTPUT_PATH": str(output)}
    return {**kept, **ONE_THREAD, **settings.environment_variables, **environment, **service}


def arguments(settings: Settings) -> list[str]:
    """The command line the service gives an entry script: a script that reads arguments needs parse_known_args()."""
    action = {"AppendRow": "append_row", "SummaryOnly": "summary_only"}[settings.output_action]
    pairs = {
        "logging_level": settings.logging_level.upper(),
        "mini_batch_size": settings.mini_batch_size,
        "error_threshold": settings.error_threshold,
        "output_action": action,
        "append_row_file_name": settings.output_file_name,
        "run_invocation_timeout": f"{settings.timeout:g}",
        "run_max_try": settings.max_retries + 1,
        "process_count_per_node": settings.max_concurrency_per_instance,
    }
    return [part for name, value in pairs.items() for part in (f"--{name}", str(value))]

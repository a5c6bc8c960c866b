"""What the messages of Azure Machine Learning batch jobs mean, and what to do about them."""

from __future__ import annotations

import re

# From Azure's "Troubleshooting batch endpoints" and from the threads of users. First match wins: specific ones first.
_MEANINGS: tuple[tuple[str, str], ...] = (
    (
        r"No module named '?azureml['. ]|No module named '?azureml$",
        "Azure requires the packages azureml-core and azureml-dataset-runtime[fuse] in the environment of a batch"
        " deployment: add them.",
    ),
    (
        r"No module named|ModuleNotFoundError",
        "The environment lacks a package that the script imports, or a module of its own is not beside the entry "
        "script: add it to the environment or to the code folder.",
    ),
    (
        r"the following arguments are required|unrecognized arguments|SystemExit: 2\b",
        "The script parsed the command line strictly, but the service adds arguments of its own such as "
        "--logging_level: use parse_known_args() instead of parse_args().",
    ),
    (
        r"[Nn]o succeeded mini batch item|NoResultToAppend",
        "run() returned nothing for any file, or failed for every one: every element it returns counts as one "
        "succeeded file. Return at least one element or row per file, and see logs/user/error.txt for what was "
        "raised.",
    ),
    (
        r"should return (a )?list or",
        "run() may return a list or a pandas DataFrame only, with at least one element per file: not None (a "
        "missing return), a tuple, a dictionary or a generator.",
    ),
    (
        r"Output already exists",
        "The service never overwrites an output file: give every job an output folder of its own, or remove the file.",
    ),
    (
        r"had timeout for|timed? ?out.*mini.?batch|mini.?batch.*timed? ?out|No progress update in",
        "run() took longer than the timeout of the deployment's retry settings, which counts per mini-batch and "
        "is 30 s by default: raise retry_settings.timeout, or lower mini_batch_size.",
    ),
    (
        r"[Ee]rror.?threshold",
        "More files failed than error_threshold allows; it counts files over the whole input (-1 ignores all "
        "failures, 0 allows none). A mini-batch that raises fails all its files: catch errors per file in run() "
        "and return the others, or lower mini_batch_size.",
    ),
    (
        r"killed by SIGKILL|[Oo]ut ?[Oo]f ?[Mm]emory|MemoryError|\bOOM\b",
        "The worker ran out of memory, or somebody killed it: lower mini_batch_size or "
        "max_concurrency_per_instance, read files in pieces, or choose a larger VM size.",
    ),
    (
        r"killed by SIG(SEGV|BUS|ABRT|ILL|FPE)|Segmentation fault",
        "Native code crashed: the Python line it was called from is in logs/user/stderr. A corrupt file or "
        "mismatched binary packages are the usual causes.",
    ),
    (
        r"ended with exit code",
        "The script ended its process (os._exit, or native code that exits): raise an exception instead, or "
        "return the results of the files that worked.",
    ),
    (
        r"ScriptExecution\.StreamAccess\.NotFound|StreamAccess.*NotFound",
        "The data is not at that datastore path: check the path of the job's input.",
    ),
    (
        r"ScriptExecution\.StreamAccess|StreamAccessException|Dataset initialization failed",
        "The compute cluster could not read the input: its managed identity needs Storage Blob Data Reader on the"
        " data's storage account, and the one who invokes needs to read it too.",
    ),
    (
        r"No valid deployments to route",
        "The endpoint has no default deployment, and the request named none: set defaults.deploymentName, or send"
        " the header azureml-model-deployment.",
    ),
    (
        r"Audiences in JWT are not allowed",
        "The token was issued for another audience: jobs are invoked with a token for https://ml.azure.com, "
        "resources managed with one for https://management.azure.com.",
    ),
    (
        r"No objects to concatenate",
        "Every file of the mini-batch was empty, corrupt or of a type that the MLflow driver does not read (it "
        "reads csv, parquet and images).",
    ),
    (
        r"must have a function (init|run)\(\)",
        "Azure calls init() and run(mini_batch): define both at the top level of the entry script.",
    ),
    (
        r"FileNotFoundError|No such file or directory",
        "A file was not where the script looked for it. Whether AZUREML_MODEL_DIR has a folder of the model's "
        "name inside depends on how the model was registered: search it with rglob instead of joining a fixed "
        "name.",
    ),
    (
        r"no input file found",
        "A batch endpoint reads the files directly inside the input folder and does not look into nested folders:"
        " name the leaf folder.",
    ),
    (
        r"SystemExit: 42|User program failed",
        "The driver's general failure: the cause stands in logs/user/error.txt, the full traceback in "
        "logs/user/error/<node>/processNNN.txt, what the script printed in logs/user/stdout/<node>/.",
    ),
)


def explain(text: str) -> str | None:
    """What a message of a batch job means and what to do, or None for a message that is not known."""
    return next((meaning for pattern, meaning in _MEANINGS if re.search(pattern, text, re.MULTILINE)), None)

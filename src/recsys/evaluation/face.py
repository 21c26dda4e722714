"""The two calls of this part, as the command line and a notebook make them."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recsys.evaluation.config import Config, read_config
from recsys.evaluation.errors import BadData, NoBaseline, SettingsInvalid
from recsys.evaluation.reading.dataset import Dataset, read_dataset
from recsys.evaluation.reading.validation import Validation, check_files
from recsys.evaluation.report import Report, read_report
from recsys.progress import Progress, silent

if TYPE_CHECKING:
    from recsys.evaluation.joining.together import Together

__all__ = ["evaluate", "validate"]


def evaluate(
    *,
    dataset: str | Path | Mapping[str, Any] | Dataset,
    config: str | Path | Mapping[str, Any] | Config,
    baseline: str | Path | bytes | Report | None = None,
    allow_no_baseline: bool = False,
    experiment_id: str | None = None,
    progress: Progress = silent,
) -> Report:
    """Judge logs and say what to do.

    Parameters
    ----------
    dataset, config
        Paths of YAML files, or mappings of the same form. Paths inside a dataset file start from its folder.
    baseline
        The JSON report of an earlier run to compare with.
    allow_no_baseline
        Run without one: gates on a drop are then not judged.
    experiment_id
        The experiment to judge, in place of the config's.
    progress
        Told which stage is under way.

    Returns
    -------
    Report
        Its ``decision`` names the rule that decided; its ``exit_code`` is what the command exits with.

    Raises
    ------
    SettingsInvalid, BadData, NotInData, NoBaseline, NotComparable
        Whenever no honest number can be had; each says what, where and what to do.
    """
    import duckdb

    from recsys.evaluation.engine import memory_for, open_engine
    from recsys.evaluation.joining.together import bring

    settings = read_config(config, experiment_id=experiment_id)
    inputs, folder = read_dataset(dataset)
    if settings.mode == "offline" and baseline is None and not allow_no_baseline:
        raise NoBaseline
    if settings.mode != "offline" and baseline is not None:
        reason = f"config: mode {settings.mode} compares with no baseline"
        raise SettingsInvalid(reason, next_step="leave it out; only reports of mode offline are compared")
    earlier = baseline if baseline is None or isinstance(baseline, Report) else read_report(baseline)
    try:
        with open_engine(memory_limit=memory_for(settings.mode)) as engine:
            together = bring(engine, dataset=inputs, folder=folder, config=settings, progress=progress, ids=False)
            with progress("measure"):
                return _run(together, baseline=earlier)
    except duckdb.InterruptException:
        raise KeyboardInterrupt from None  # Ctrl-C, as the engine tells it
    except duckdb.OutOfMemoryException as error:
        next_step = "give fewer days, or fewer slice keys"
        raise BadData("the logs are more than this run can hold", next_step=next_step) from error
    except duckdb.Error as error:
        # What the checks before let through and the engine refuses: still one line and no number.
        raise BadData(f"the data could not be read: {str(error).splitlines()[0]}") from error


def _run(together: "Together", *, baseline: Report | None) -> Report:
    """Hand the logs to the mode."""
    if together.config.mode == "experiment":
        from recsys.evaluation.experiment.run import run_experiment

        return run_experiment(together)
    if together.config.mode == "interleaving":
        from recsys.evaluation.interleaving.run import run_interleaving

        return run_interleaving(together)
    if together.config.mode == "ope":
        from recsys.evaluation.ope.run import run_ope

        return run_ope(together)
    if together.config.mode == "aa-check":
        from recsys.evaluation.aa.run import run_aa

        return run_aa(together)
    from recsys.evaluation.offline.run import run_offline

    return run_offline(together, baseline=baseline)


def validate(*, schema: str, inputs: str | Path | tuple[str | Path, ...]) -> Validation:
    """Check files or globs against a schema such as ``exposure.v1``; counts bad rows and names the first.

    Raises
    ------
    UsageError
        For an unknown schema or a file that is neither JSONL nor Parquet.
    BadData
        For a missing or empty file, or Parquet whose columns do not fit at all.
    """
    return check_files(schema=schema, inputs=inputs)

"""`pinn lab`: what activations do to a network, in a table, pictures and a file."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import analysis, problems
from .._equation import field_shape
from .._method import FirstOrder
from .._paths import check_folder
from .._problem import Problem
from ._errors import InputError
from ._output import slug

if TYPE_CHECKING:
    from rich.console import RenderableType

PARTS = ("profile", "layers", "dead", "hessian", "kernel", "landscape", "spectral")
STUDY = "study"
RESULTS = "lab.json"


@dataclass(frozen=True)
class Lab:
    """What is looked at: activations and problems by name, and how networks train."""

    activations: Mapping[str, Callable[..., Any]]
    problems: Mapping[str, Problem]
    key: Any
    seeds: int
    training: Mapping[str, int]

    def method(self, activation: Callable[..., Any]) -> FirstOrder:
        return analysis.small_adam(activation, **self.training)


def chosen_parts(text: str) -> tuple[str, ...]:
    """The parts that ``--parts`` names, in the order of the laboratory."""
    known = (*PARTS, STUDY)
    names = [name.strip() for name in text.split(",") if name.strip()]
    if names == ["all"]:
        return known
    for name in names:
        if name not in known:
            raise InputError(
                f"`--parts`: there is no part {name!r}; there are {', '.join(known)}, "
                f"and all.{problems.nearest(name, known)}"
            )
    if not names:
        raise InputError(f"`--parts` names none; there are {', '.join(known)}.")
    return tuple(name for name in known if name in names)


def check_out(folder: Path, force: bool) -> None:
    """Make the folder, and refuse one that cannot be written or holds results."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"`--out`: '{folder}' is a file; name a folder.")
    if (folder / RESULTS).exists() and not force:
        raise InputError(
            f"`--out`: '{folder}' holds results already; choose another folder, or "
            "pass --force."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(
            f"`--out`: the folder '{folder}' cannot be made ({reason}); choose another."
        ) from error
    check_folder("--out", folder / RESULTS)


def run(
    lab: Lab, parts: Sequence[str], folder: Path, tell: Callable[[str], None]
) -> dict[str, Any]:
    """Do the parts, write their pictures and the results, and return the results.

    What one part has found is on disk before the next one begins.
    """
    results: dict[str, Any] = {
        "activations": list(lab.activations),
        "problems": list(lab.problems),
        "seeds": lab.seeds,
        "training": dict(lab.training),
        "pictures": [],
    }
    keep = lambda name, found: _keep(results, folder, name, found)
    title, problem = next(iter(lab.problems.items()))
    looks = [part for part in parts if part != STUDY]
    for name, activation in lab.activations.items() if looks else ():
        tell(f"{name} on {title}: {', '.join(looks)}")
        found = results.setdefault("networks", {}).setdefault(name, {})
        _look(lab, problem, name, activation, looks, found, keep)
    if STUDY in parts:
        tell(f"study: {len(lab.activations)} activations, {len(lab.problems)} problems")
        outcome = analysis.study(
            lab.activations,
            lab.problems,
            key=lab.key,
            seeds=lab.seeds,
            method=lab.method,
            check=False,
            callbacks=[
                lambda row: tell(
                    f"{row['activation']} on {row['problem']}: {row['error']:.1e}"
                )
            ],
        )
        results[STUDY] = outcome.as_dict()
        keep(STUDY, outcome.plot())
    return results


def _look(
    lab: Lab,
    problem: Problem,
    name: str,
    activation: Callable[..., Any],
    parts: Sequence[str],
    found: dict[str, Any],
    keep: Callable[[str, Any], None],
) -> None:
    """All parts but the study, of one activation."""

    def done(part: str, values: dict[str, Any], figure: Any) -> None:
        found[part] = values
        keep(f"{part}-{name}", figure)

    if "profile" in parts:
        profile = analysis.activation_profile(activation, name=name)
        done("profile", {"kinks": list(profile.kinks)}, profile.plot())
    if "spectral" in parts:
        bias = analysis.spectral_bias(
            problem, activation, key=lab.key, method=lab.method, seeds=lab.seeds
        )
        done("spectral", bias.as_dict(), bias.plot())
    trained = {"layers", "dead", "hessian", "kernel", "landscape"}.intersection(parts)
    if not trained:
        return
    before, after = _trained(lab, problem, activation)
    at = {"key": lab.key}
    if "layers" in parts:
        start = analysis.layer_statistics(problem, before, **at)
        end = analysis.layer_statistics(problem, after, **at)
        values = {"start": start.as_dict(), "end": end.as_dict()}
        done("layers", values, start.plot(after=end))
    looks: dict[str, Callable[..., Any]] = {
        "dead": analysis.dead_units,
        "hessian": analysis.hessian_spectrum,
        "kernel": analysis.tangent_kernel,
    }
    for part, look in looks.items():
        if part in parts:
            start, end = look(problem, before, **at), look(problem, after, **at)
            values = {"start": start.as_dict(), "end": end.as_dict()}
            done(part, values, end.plot())
    if "landscape" in parts:
        landscape = analysis.loss_landscape(problem, after, **at)
        least, most = float(landscape.loss.min()), float(landscape.loss.max())
        done("landscape", {"least": least, "most": most}, landscape.plot())


def _trained(lab: Lab, problem: Problem, activation: Any) -> tuple[Any, Any]:
    """A network before and after its training."""
    method = lab.method(activation)
    start = method.default_field(problem, field_shape(problem), key=lab.key)
    *_, (_, end) = analysis.training(problem, start, method, key=lab.key)
    return start, end


def _keep(results: dict[str, Any], folder: Path, name: str, figure: Any) -> None:
    picture = f"{slug(name)}.png"
    figure.savefig(folder / picture, dpi=110)
    results["pictures"].append(picture)
    text = json.dumps(plain(results), indent=2, allow_nan=False, ensure_ascii=False)
    (folder / RESULTS).write_text(text + "\n", encoding="utf-8")


def plain(value: Any) -> Any:
    """The same with ``None`` for what is not finite, for which JSON has no word."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def tables(results: Mapping[str, Any]) -> list["RenderableType"]:
    """What was found, for the terminal."""
    shown = []
    if results.get("networks"):
        shown.append(_networks_table(results["networks"]))
    if STUDY in results:
        shown += [_study_table(results[STUDY]), _ranking_table(results[STUDY])]
    return shown


def _table(title: str, *columns: str) -> Any:
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for i, column in enumerate(columns):
        table.add_column(column, justify="left" if i == 0 else "right")
    return table


def _networks_table(networks: Mapping[str, Any]) -> Any:
    table = _table("Networks, before and after training", "", *networks)
    rows: dict[str, list[str]] = {}
    for name, found in networks.items():
        for label, text in _figures(found):
            rows.setdefault(label, [""] * len(networks))
            rows[label][list(networks).index(name)] = text
    for label, texts in rows.items():
        table.add_row(label, *texts)
    return table


def _figures(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The figures of one activation: a label, and a text for before and after."""
    figures: list[tuple[str, str]] = []

    def both(part: str, label: str, of: Callable[[Any], float], form: str) -> None:
        if part in found:
            ends = [format(of(found[part][end]), form) for end in ("start", "end")]
            figures.append((label, " → ".join(ends)))

    if "profile" in found:
        kinks = ", ".join(f"{k:.3g}" for k in found["profile"]["kinks"][:3])
        figures.append(("kinks", kinks or "none"))
    for node, label in (("hidden[0]", "first layer"), ("readout", "readout")):
        spread = lambda d, node=node: d["gradient_spread"][node]
        both("layers", f"gradient, {label}", spread, ".1e")
    both("dead", "units without output", lambda d: sum(d["output"]), "d")
    second = "second derivative"
    both("dead", f"units without {second}", lambda d: sum(d[second]), "d")
    both("hessian", "largest curvature", lambda d: d["largest"], ".1e")
    both("hessian", "share of negative curvature", lambda d: d["negative_share"], ".0%")
    both("hessian", "instability", lambda d: d["instability"], ".1e")
    both("kernel", "condition", lambda d: d["condition"]["all"], ".0e")
    both("kernel", "effective rank", lambda d: d["effective_rank"]["all"], ".1f")
    return figures


def _study_table(study: Mapping[str, Any]) -> Any:
    columns = ("error", "least", "most", "s", "dead", "cond.", "rank")
    table = _table("Study: relative L2 errors", "activation", "problem", *columns)
    remarks = []
    for row in study["rows"]:
        table.add_row(
            row["activation"],
            row["problem"],
            *(f"{row[k]:.1e}" for k in ("error", "least", "most")),
            f"{row['seconds']:.2f}",
            f"{row['dead']:.0%}",
            f"{row['condition']:.0e}",
            f"{row['effective_rank']:.1f}",
        )
        if row["remark"]:
            remarks.append(f"{row['activation']} on {row['problem']} {row['remark']}")
    table.caption, table.caption_justify = "; ".join(remarks) or None, "left"
    return table


def _ranking_table(study: Mapping[str, Any]) -> Any:
    table = _table("Ranking", "activation", "mean rank", "95 % interval")
    for rank in study["ranking"]:
        interval = f"{rank['low']:.2f} to {rank['high']:.2f}"
        table.add_row(rank["name"], f"{rank['mean']:.2f}", interval)
    return table

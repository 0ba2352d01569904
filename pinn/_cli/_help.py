"""The longer texts of `--help`."""

# Panels of options.
WORK, FILES, TALK = "How it is solved", "Files", "What is printed"


def _text(*paragraphs: str) -> str:
    """Paragraphs for typer, which keeps the ends of lines as they are written."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


HELP = _text(
    "Solve partial differential equations with smooth neural networks.",
    """A problem is checked before it is solved, and an answer comes with an estimate of
    its error. Problems are those of the catalogue (`pinn list`), or a `pinn.Problem` in
    a file of your own. `pinn COMMAND --help` explains a command.""",
)
EXAMPLES = _text(
    "Examples:",
    "pinn solve poisson",
    "pinn solve heat --set duration=0.1 --tol 1e-8 --out heat.pdf",
    "pinn solve my_problem.py --json",
    "pinn check poisson --activation relu",
    """Results go to standard output, progress and errors to standard error. NO_COLOR is
    respected.""",
)
SOLVE_NOTES = _text(
    """Methods: least-squares solves for the readout of random features; time-windows
    does so on one window of time after another; evolve marches a readout in time, and
    neural-galerkin all parameters; levenberg-marquardt, self-scaled-broyden, lbfgs and
    first-order, which is adam, train all parameters.""",
    "Balances (--weighting): gradient-norm, tangent-kernel, causal.",
    """Exit codes: 0 solved (tolerance reached, or none asked), 1 tolerance not reached
    (the report is still printed), 2 wrong input or pre-flight error, 130 interrupted
    with the best answer kept.""",
)
GALLERY_NOTES = _text(
    """Each runs in a process of its own, so that one that fails does not stop the
    others. The page is FOLDER/index.html. A second call with the same folder renews the
    examples that it runs and keeps the others.""",
    """Exit codes: 0 all of them ran, 1 some failed, 2 wrong input, 130 interrupted; the
    page holds what was done.""",
)

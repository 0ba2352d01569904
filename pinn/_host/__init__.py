from ._program import Hosted as Hosted, Program as Program, apply as apply
from ._random import fold_in as fold_in
from ._trace import (
    bind as bind,
    body_of as body_of,
    line_of as line_of,
    needed as needed,
)

"""Settings of the documentation. It is built strictly and without a network."""

import sys
import warnings
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE)]

import pinn  # noqa: E402

project = "pinn"
author = "The pinn developers"
copyright = "The pinn developers"
release = version = pinn.__version__

extensions = [
    "activation_table",
    "mathml",
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx_gallery.gen_gallery",
]
html_math_renderer = "mathml"
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
templates_path = ["_templates"]
default_role = "py:obj"

autosummary_generate = True
autodoc_member_order = "bysource"
autodoc_typehints = "none"
autodoc_class_signature = "mixed"
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_custom_sections = [("Attributes", "params_style")]
napoleon_use_admonition_for_references = False
add_module_names = False


sphinx_gallery_conf = {
    "examples_dirs": str(HERE.parent / "examples"),
    "gallery_dirs": "gallery",
    "filename_pattern": r"\.py$",
    "image_scrapers": ("gallery_parts.picture",),
    "reset_argv": "gallery_parts.arguments",
    "reset_modules": ("gallery_parts.forget",),
    "within_subsection_order": "gallery_parts.order",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_signature": False,
    "show_memory": False,
    "write_computation_times": False,
    "min_reported_time": 10_000,
    "copyfile_regex": "",
    "capture_repr": (),
}
suppress_warnings = [
    "ref.python",  # a word such as `dim` may be an attribute of several classes
]
warnings.filterwarnings("error", module="pinn")

html_theme = "furo"
html_title = "pinn"
html_static_path = ["_static"]
html_css_files = ["pinn.css"]
html_favicon = "_static/icon.svg"
html_show_sourcelink = False
html_copy_source = False
html_show_sphinx = False


def setup(app):
    import no_network
    import whole_links

    app.connect("build-finished", no_network.check)
    # After the theme, which writes the colours of programs when all else is done.
    app.connect("build-finished", whole_links.check, priority=900)

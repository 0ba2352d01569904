"""What leaves the house is read back and compared."""

import subprocess
import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import refused, solution_of

import pinn
from pinn import activations, numpy_field
from pinn.export import load_compiled, to_compiled, to_numpy, to_paraview, to_xarray

ROD = pinn.Interval(0.0, 1.0)
PLATE = pinn.Box([0.0, 0.0], [2.0, 1.0]) - pinn.Disk([1.0, 0.5], 0.25)


def u(x):
    return jnp.sin(jnp.sum(x))


def u_t(t, x):
    return t * jnp.cos(x[0])


# Labelled arrays.


def test_labelled_arrays_are_the_field_at_their_coordinates():
    pytest.importorskip("xarray")
    table = to_xarray(u, PLATE, {"x": [0.0, 1.0, 1.5], "y": [0.5, 1.0]})
    assert table.u.dims == ("x", "y")
    assert float(table.u.sel(x=1.5, y=1.0)) == pytest.approx(np.sin(2.5), rel=1e-14)
    assert np.isnan(table.u.sel(x=1.0, y=0.5))  # in the hole
    assert int(np.isnan(table.u).sum()) == 1


def test_time_and_components_are_dimensions():
    pytest.importorskip("xarray")
    v = lambda t, x: jnp.stack([t, x[0]])
    table = to_xarray(v, ROD, 5, time=(0.0, 2.0))
    assert table.u.dims == ("t", "x", "component")
    np.testing.assert_allclose(table.u.isel(component=0, x=0), table.t)
    np.testing.assert_allclose(table.u.isel(component=1, t=0), table.x)


def test_a_solution_becomes_netcdf(tmp_path):
    xarray = pytest.importorskip("xarray")
    solution = solution_of("poisson_1d")
    path = tmp_path / "poisson.nc"
    solution.export(path, 7)
    with xarray.open_dataset(path, engine="scipy") as table:
        assert table.attrs["problem"] == "poisson-1d"
        assert table.attrs["pinn_version"] == pinn.__version__
        estimate = table.attrs["estimated_relative_l2_error"]
        assert estimate == solution.report.estimate
        x = table.x.values[2]
        expected = float(solution(jnp.array([x])))
        assert float(table.u.sel(x=x)) == pytest.approx(expected, rel=1e-12)


# ParaView.


@pytest.mark.parametrize("ending", ["vtu", "vtk"])
def test_paraview_files_hold_the_field_on_the_cells_inside(tmp_path, ending):
    meshio = pytest.importorskip("meshio")
    path = tmp_path / f"plate.{ending}"
    to_paraview(u, PLATE, path, 41)
    mesh = meshio.read(path)
    x = mesh.points[:, :2]
    np.testing.assert_allclose(mesh.point_data["u"], np.sin(x.sum(axis=1)), rtol=1e-12)
    (block,) = mesh.cells
    assert block.type == "quad"
    a, c = (x[block.data[:, i]] for i in (0, 2))
    area = np.sum(np.prod(c - a, axis=1))
    assert area == pytest.approx(2 - np.pi / 16, rel=0.05)
    assert area < PLATE.measure


def test_a_series_in_time_is_one_file(tmp_path):
    meshio = pytest.importorskip("meshio")
    path = tmp_path / "series.xdmf"
    grid = {"t": [0.0, 0.5, 2.0], "x": np.linspace(0, 1, 9)}
    to_paraview(u_t, ROD, path, grid, time=(0.0, 2.0))
    with meshio.xdmf.TimeSeriesReader(path) as reader:
        points, _ = reader.read_points_cells()
        assert reader.num_steps == 3
        t, data, _ = reader.read_data(2)
    assert t == 2.0
    np.testing.assert_allclose(data["u"], 2 * np.cos(points[:, 0]), rtol=1e-12)


def test_hexahedra_fill_a_box(tmp_path):
    meshio = pytest.importorskip("meshio")
    cube = pinn.Box([0.0, 0.0, 0.0], [1.0, 2.0, 3.0])
    to_paraview(u, cube, tmp_path / "cube.vtu", 4)
    (block,) = meshio.read(tmp_path / "cube.vtu").cells
    assert (block.type, len(block.data)) == ("hexahedron", 27)


# Compiled functions.


def test_a_compiled_function_is_the_field_at_any_number_of_points(tmp_path, getkey):
    pytest.importorskip("flatbuffers")
    net = pinn.MLP(2, 3, 4, 1, key=getkey())
    path = tmp_path / "net.jax"
    path.write_bytes(to_compiled(net, 1, time=True))
    read = load_compiled(path)
    for n in (1, 5):
        t, x = jnp.linspace(0, 1, n), jnp.linspace(-1, 1, n)[:, None]
        np.testing.assert_allclose(read(t, x), jax.vmap(net)(t, x), rtol=1e-13)


def test_a_compiled_function_needs_no_pinn(tmp_path):
    pytest.importorskip("flatbuffers")
    path = tmp_path / "u.jax"
    path.write_bytes(to_compiled(u, 2))
    program = (
        "import sys; sys.modules['pinn'] = None\n"
        "import jax; jax.config.update('jax_enable_x64', True)\n"
        "from jax import export, numpy as jnp\n"
        f"f = export.deserialize(bytearray(open({str(path)!r}, 'rb').read())).call\n"
        "print(float(f(jnp.array([[0.25, 0.5]]))[0]))"
    )
    made = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True
    )
    assert float(made.stdout) == pytest.approx(np.sin(0.75), rel=1e-14), made.stderr


@pytest.mark.parametrize("content", [None, b"", b"no program"])
def test_what_is_no_compiled_function_is_refused(tmp_path, content):
    pytest.importorskip("flatbuffers")
    path = tmp_path / "damaged.jax"
    if content is not None:
        path.write_bytes(content)
    with refused("`path`"):
        load_compiled(path)


# NumPy.


@pytest.mark.parametrize("name", numpy_field.ACTIVATIONS)
def test_activations_have_the_same_values_in_numpy(name):
    s = np.linspace(-30.0, 30.0, 401)
    expected = jax.vmap(activations.get(name))(jnp.asarray(s))
    np.testing.assert_allclose(
        numpy_field.ACTIVATIONS[name](s), expected, rtol=1e-12, atol=1e-15
    )


@pytest.mark.parametrize("size", ["scalar", 2])
def test_networks_become_functions_of_numpy(tmp_path, size, getkey):
    bounds = ([0.0, -1.0, 2.0], [3.0, 1.0, 5.0])
    networks = [
        pinn.MLP(3, size, 8, 2, activations.sin, bounds=bounds, key=getkey()),
        pinn.RandomFeatures(3, size, 20, bounds=bounds, key=getkey()),
    ]
    t, x = np.linspace(0, 3, 7), np.linspace([-1, 2], [1, 5], 7)
    for net in networks:
        to_numpy(net).save(tmp_path / "net.npz")
        read = numpy_field.load(tmp_path / "net.npz")
        expected = jax.vmap(net)(jnp.asarray(t), jnp.asarray(x))
        np.testing.assert_allclose(read(t, x), expected, rtol=1e-12, atol=1e-14)
        assert np.shape(read(0.5, x[0])) == expected.shape[1:]


def test_the_file_is_read_where_there_is_no_jax(tmp_path, getkey):
    net = pinn.MLP(2, "scalar", 6, 1, key=getkey())
    to_numpy(net).save(tmp_path / "net.npz")
    source = numpy_field.__file__
    program = (
        "import sys; sys.modules['jax'] = sys.modules['pinn'] = None\n"
        "import importlib.util as util\n"
        f"spec = util.spec_from_file_location('numpy_field', {source!r})\n"
        "module = util.module_from_spec(spec); spec.loader.exec_module(module)\n"
        "u = module.load('net.npz'); print(repr(float(u([0.3, 0.4]))))"
    )
    made = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path
    )
    value = float(net(jnp.array([0.3, 0.4])))
    assert float(made.stdout) == pytest.approx(value, rel=1e-13), made.stderr


def test_what_has_no_form_in_numpy_is_refused(getkey):
    with refused("`field` takes an `MLP`"):
        to_numpy(pinn.Concatenated(eqx.nn.MLP(2, 1, 4, 1, key=getkey())))
    with refused("no form in NumPy here"):
        to_numpy(pinn.MLP(2, 1, 4, 1, activations.Snake(), key=getkey()))


# Refused.


def never(x):
    raise AssertionError("nothing should be computed")


def test_endings_and_grids_are_checked_first(tmp_path):
    with refused("`path` takes a file ending in .nc"):
        pinn.export.write(never, ROD, tmp_path / "u.csv")
    with refused("for a field with a time"):
        to_paraview(never, ROD, tmp_path / "u.vtu", time=(0.0, 1.0))
    pytest.importorskip("xarray")
    for grid in ({"q": [0.0]}, 1, "fine", {"x": [[0.0]]}):
        with refused("`grid` takes"):
            to_xarray(never, ROD, grid)
    with refused("tables take up to three"):
        to_xarray(never, pinn.Box([0.0] * 4, [1.0] * 4))


@pytest.mark.parametrize(
    ("library", "extra", "ending"),
    [
        ("xarray", "xarray", "nc"),
        ("meshio", "paraview", "vtu"),
        ("flatbuffers", "compiled", "jax"),
    ],
)
def test_a_missing_library_is_named(monkeypatch, tmp_path, library, extra, ending):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ImportError, match=rf"pip install 'pinn\[{extra}\]'"):
        pinn.export.write(u, ROD, tmp_path / f"u.{ending}")

"""What do zones, machines and lists say of themselves to a session that asks?"""

import ast
import inspect

import pytest

from buddycap import GFP, CaptureList, Machine, MigrateType, MisuseError, Node, Zone
from buddycap._core import AllocRequest, Compaction, Consultation, Kcompactd, Kswapd
from sourcelint import PACKAGE


def stub_signature(name):
    """Names and defaults of the arguments of a class, as its stub has them."""
    tree = ast.parse((PACKAGE / "_core.pyi").read_text())
    body = next(node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name)
    arguments = next(node.args for node in body if isinstance(node, ast.FunctionDef) and node.name == "__new__")
    plain = [argument.arg for argument in arguments.args[1:]]
    keywords = {a.arg: ast.literal_eval(d) for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)}
    return plain, keywords


def test_the_signature_of_a_zone_is_that_of_its_stub():
    found = inspect.signature(Zone).parameters.values()
    plain = [p.name for p in found if p.kind is p.POSITIONAL_OR_KEYWORD]
    keywords = {p.name: p.default for p in found if p.kind is p.KEYWORD_ONLY}
    assert (plain, keywords) == stub_signature("Zone")
    for name, default in keywords.items():
        if name not in ("seed", "events", "pcp_bulk_cold"):
            assert f"    {name} : " in Zone.__doc__ or f"{name}, " in Zone.__doc__ or f", {name}" in Zone.__doc__, (
                default
            )


def test_other_classes_have_signatures():
    plain, keywords = stub_signature("Node")
    assert list(inspect.signature(Node).parameters) == [*plain, *keywords]
    for cls in (CaptureList, AllocRequest, Kswapd, Kcompactd, Consultation, Compaction):
        assert inspect.signature(cls).parameters == {}, "others make it"
        assert "(" not in inspect.getdoc(cls).partition(" ")[0], "the words begin with what it is"


def test_reprs_say_what_is_there():
    zone = Zone(0, 1024, min_free_kbytes=0)
    assert repr(zone) == "<Zone pfn 0..1023, 1024 of 1024 pages free>"
    pages = zone.alloc_many(3)
    with zone.capture_list() as capture:
        assert repr(capture).startswith("<CaptureList of 0 blocks, 0 pages, on <Zone")
        for pfn in pages.tolist():
            capture.capture_one_page(pfn)
        assert f"of {len(capture.blocks())} blocks" in repr(capture)
    assert repr(capture) == "<CaptureList, closed>"
    machine = Machine.preset("x86_64", memory="64MiB")
    assert repr(machine) == "<Machine of Linux 2.6.27: Normal; 16384 of 16384 pages free>"


def test_enums_of_another_kind_are_refused():
    machine = Machine.preset("x86_64", memory="64MiB")
    for wrong in (lambda: machine.alloc_pages(9, MigrateType.MOVABLE), lambda: machine.zones[0].rmqueue(9, GFP.KERNEL)):
        with pytest.raises(MisuseError, match="is wanted"):
            wrong()
    zone = machine.zones[0]
    for wrong, name in (
        (lambda: zone.rmqueue(MigrateType.MOVABLE, MigrateType.MOVABLE), "order"),
        (lambda: zone.alloc_many(MigrateType.MOVABLE), "n"),
        (lambda: zone.free_one_page(GFP.KERNEL, 0), "pfn"),
        (lambda: zone.watermark_ok(0, GFP.KERNEL, classzone_idx=0, alloc_flags=0), "mark"),
    ):
        with pytest.raises(MisuseError, match=f"^{name}=<.*a number is wanted"):
            wrong()


def test_a_list_is_not_made_by_itself():
    with pytest.raises(TypeError, match=r"comes from Zone\.capture_list"):
        CaptureList()


@pytest.mark.parametrize("make", [Zone, lambda: Zone(0), lambda: Zone(*range(9)), lambda: Zone(0, 1024, nonsense=1)])
def test_wrong_arguments_name_the_class_that_was_called(make):
    with pytest.raises(TypeError, match=r"^Zone\(\) "):
        make()


@pytest.mark.parametrize("cls", [Node, CaptureList, AllocRequest])
def test_other_classes_are_named_as_well(cls):
    with pytest.raises(TypeError, match=rf"^{cls.__name__}\(\) "):
        cls(nonsense=1)

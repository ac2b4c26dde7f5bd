# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A layout that draws nothing and checks everything a panel asks of it against this Blender's own definitions.

There is no UILayout without a window. This one knows Blender's functions, parameters and icons from its RNA, so a
misspelt property, icon, operator or argument, or one that this version does not have, is an error.
"""

from __future__ import annotations

from typing import Any

import bpy

__all__ = ("Layout",)

_RNA = bpy.types.UILayout.bl_rna
_CONTAINERS = ("row", "column", "box", "split", "grid_flow", "column_flow")


class _Button:
    """What `layout.operator` gives: the operator's properties, which must exist and take the value."""

    def __init__(self, idname: str) -> None:
        module, _, name = idname.partition(".")
        object.__setattr__(self, "_rna", getattr(getattr(bpy.ops, module), name).get_rna_type())

    def __setattr__(self, name: str, value: object) -> None:
        found = self._rna.properties[name]
        if found.type == 'ENUM':
            assert str(value) in found.enum_items.keys(), f"{value!r} is no {self._rna.identifier}.{name}"
        object.__setattr__(self, name, value)


class Layout:
    """`texts` are the labels, `buttons` the operators by id with their properties, `shown` the properties' names."""

    def __init__(self, root: Layout | None = None) -> None:
        root = root or self
        self._root = root
        if root is self:
            self.texts: list[str] = []
            self.buttons: list[tuple[str, _Button]] = []
            self.shown: list[str] = []
            self.strings: dict[str, str] = {}

    def __setattr__(self, name: str, value: object) -> None:
        own = name in ("_root", "texts", "buttons", "shown", "strings")
        assert own or name in _RNA.properties, f"UILayout has no {name}"
        object.__setattr__(self, name, value)

    def _check(self, function: str, **given: object) -> None:
        parameters = _RNA.functions[function].parameters
        for name, value in given.items():
            assert name in parameters, f"UILayout.{function} has no {name}"
            assert parameters[name].type != 'STRING' or isinstance(value, str), f"{function}({name}={value!r})"
            if name == "icon":
                assert value in parameters[name].enum_items.keys(), f"there is no icon {value}"

    def label(self, **given: Any) -> None:
        self._check("label", **given)
        self._root.texts.append(given.get("text", ""))

    def prop(self, data: bpy.types.bpy_struct, name: str, **given: Any) -> None:
        self._check("prop", **given)
        assert name in data.bl_rna.properties, f"{data.bl_rna.identifier} has no {name}"
        self._root.shown.append(name)

    def prop_search(self, data: bpy.types.bpy_struct, name: str, search_data: bpy.types.bpy_struct, search: str, **given: Any) -> None:
        self._check("prop_search", **given)
        assert name in data.bl_rna.properties and search in search_data.bl_rna.properties
        self._root.shown.append(name)

    def operator(self, idname: str, **given: Any) -> _Button:
        self._check("operator", **given)
        button = _Button(idname)
        self._root.buttons.append((idname, button))
        return button

    def progress(self, **given: Any) -> None:
        self._check("progress", **given)
        assert 0.0 <= given["factor"] <= 1.0
        self._root.texts.append(given.get("text", ""))

    def menu(self, name: str, **given: Any) -> None:
        self._check("menu", **given)
        assert hasattr(bpy.types, name), f"there is no menu {name}"

    def popover(self, panel: str, **given: Any) -> None:
        self._check("popover", panel=panel, **given)
        assert hasattr(bpy.types, panel), f"there is no panel {panel}"

    def template_list(self, listtype: str, list_id: str, data: Any, name: str, active_data: Any, active: str, **given: Any) -> None:
        """Draws the items too, by the list's own function."""
        self._check("template_list", **given)
        kind = getattr(bpy.types, listtype)
        assert name in data.bl_rna.properties and active in active_data.bl_rna.properties
        for index, item in enumerate(getattr(data, name)):
            kind.draw_item(None, bpy.context, Layout(self._root), data, item, 0, active_data, active, index)

    def template_icon(self, icon_value: int, **given: Any) -> None:
        self._check("template_icon", **given)
        assert icon_value > 0

    def operator_menu_enum(self, idname: str, name: str, **given: Any) -> _Button:
        self._check("operator_menu_enum", **given)
        button = _Button(idname)
        assert button._rna.properties[name].type == 'ENUM'
        self._root.buttons.append((idname, button))
        return button

    def separator(self, **given: Any) -> None:
        self._check("separator", **given)

    def context_string_set(self, name: str, value: str) -> None:
        self._check("context_string_set", name=name, value=value)
        self._root.strings[name] = value

    def __getattr__(self, name: str) -> Any:
        if name in _CONTAINERS:
            def contain(**given: object) -> Layout:
                self._check(name, **given)
                return Layout(self._root)
            return contain
        raise AttributeError(f"the test's layout has no {name}")

    @property
    def text(self) -> str:
        """All labels as one line: long ones are wrapped."""
        return " ".join(self._root.texts)

"""scan3d twins in Blender: import, pose presets, expression sliders, and poses back as SMPL-X parameters."""

from pathlib import Path
from typing import Any

import bpy

from . import metarig, pose_back, scene

# Blender keeps no copy of the names that a list of choices shows: somebody else has to.
_choices: list[tuple[str, str, str]] = []


def twin_armature(context: Any) -> Any:
    """The twin's skeleton that is active, or that the active mesh hangs on; None where there is none."""
    chosen = context.active_object
    if chosen is not None and chosen.type == "MESH":
        chosen = chosen.parent
    return chosen if chosen is not None and chosen.type == "ARMATURE" and "scan3d" in chosen.data else None


def twin_keys(armature: Any) -> list[Any]:
    """The sliders of the face, correctives and the base left out."""
    keys = []
    for child in armature.children if armature is not None else ():
        if child.type == "MESH" and child.data.shape_keys is not None:
            keys += [key for key in child.data.shape_keys.key_blocks[1:] if not key.name.startswith("corrective_")]
    return keys


def _presets(_operator: Any, context: Any) -> list[tuple[str, str, str]]:
    armature = twin_armature(context)
    names = list(pose_back.notes_of(armature)["presets"]) if armature is not None else []
    _choices[:] = [(name, name.replace("_", " ").capitalize(), "") for name in ("rest", *names)]
    return _choices


class SCAN3D_OT_import(bpy.types.Operator):  # noqa: N801
    """Import a person from a twin folder (twin.json, twin.npz, maps)"""

    bl_idname = "scan3d.import_twin"
    bl_label = "Import scan3d twin"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    directory: bpy.props.StringProperty(subtype="DIR_PATH", name="Twin folder")  # type: ignore[valid-type]
    filter_folder: bpy.props.BoolProperty(default=True, options={"HIDDEN"})  # type: ignore[valid-type]

    def invoke(self, context: Any, _event: Any) -> set[str]:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: Any) -> set[str]:
        try:
            armature = scene.build(scene.read_twin(Path(bpy.path.abspath(self.directory))))
        except ValueError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        for other in context.selected_objects:
            other.select_set(False)
        armature.select_set(True)
        context.view_layer.objects.active = armature
        return {"FINISHED"}


class SCAN3D_OT_pose(bpy.types.Operator):  # noqa: N801
    """Put the person into a pose of the library"""

    bl_idname = "scan3d.pose"
    bl_label = "Pose"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    preset: bpy.props.EnumProperty(items=_presets, name="Pose")  # type: ignore[valid-type]

    @classmethod
    def poll(cls, context: Any) -> bool:
        return twin_armature(context) is not None

    def execute(self, context: Any) -> set[str]:
        armature = twin_armature(context)
        notes = pose_back.notes_of(armature)
        rest = [[1.0, 0.0, 0.0, 0.0]] * len(notes["bones"])
        scene.pose(armature, notes["presets"].get(self.preset, rest), (0.0, 0.0, 0.0))
        return {"FINISHED"}


class SCAN3D_OT_face(bpy.types.Operator):  # noqa: N801
    """Set all expression sliders back to zero"""

    bl_idname = "scan3d.reset_face"
    bl_label = "Neutral face"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    @classmethod
    def poll(cls, context: Any) -> bool:
        return twin_armature(context) is not None

    def execute(self, context: Any) -> set[str]:
        for key in twin_keys(twin_armature(context)):
            key.value = 0
        return {"FINISHED"}


class SCAN3D_OT_export(bpy.types.Operator):  # noqa: N801
    """Write the pose and the expression as SMPL-X parameters"""

    bl_idname = "scan3d.export_pose"
    bl_label = "Save pose as body.npz"

    filepath: bpy.props.StringProperty(subtype="FILE_PATH", default="body.npz")  # type: ignore[valid-type]

    @classmethod
    def poll(cls, context: Any) -> bool:
        return twin_armature(context) is not None

    def invoke(self, context: Any, _event: Any) -> set[str]:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: Any) -> set[str]:
        armature = twin_armature(context)
        context.view_layer.update()
        path = Path(bpy.path.abspath(self.filepath))
        try:
            pose_back.write(path, armature, {key.name: key.value for key in twin_keys(armature)})
        except (OSError, ValueError) as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report({"INFO"}, f"Wrote {path}")
        return {"FINISHED"}


class SCAN3D_OT_bind(bpy.types.Operator):  # noqa: N801
    """After Rigify's Generate Rig: the skin follows the generated rig"""

    bl_idname = "scan3d.bind_rigify"
    bl_label = "Bind skin to generated rig"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    @classmethod
    def poll(cls, context: Any) -> bool:
        armature = twin_armature(context)
        return armature is not None and getattr(armature.data, "rigify_target_rig", None) is not None

    def execute(self, context: Any) -> set[str]:
        try:
            followed = metarig.bind_to_generated(twin_armature(context))
        except ValueError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report({"INFO"}, f"{followed} groups of the skin follow the generated rig")
        return {"FINISHED"}


class SCAN3D_PT_panel(bpy.types.Panel):  # noqa: N801
    """Beside the 3D view"""

    bl_label = "scan3d twin"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "scan3d"

    def draw(self, context: Any) -> None:
        layout = self.layout
        layout.operator("scan3d.import_twin", icon="IMPORT")
        armature = twin_armature(context)
        if armature is None:
            layout.label(text="Select a twin to pose it.")
            return
        layout.operator_menu_enum("scan3d.pose", "preset", icon="ARMATURE_DATA")
        layout.operator("scan3d.export_pose", icon="EXPORT")
        if SCAN3D_OT_bind.poll(context):
            layout.operator("scan3d.bind_rigify", icon="MOD_ARMATURE")
        layout.label(text="Expression")
        layout.operator("scan3d.reset_face", icon="LOOP_BACK")
        column = layout.column(align=True)
        for key in twin_keys(armature):
            column.prop(key, "value", text=key.name, slider=True)


_CLASSES = (SCAN3D_OT_import, SCAN3D_OT_pose, SCAN3D_OT_face, SCAN3D_OT_export, SCAN3D_OT_bind, SCAN3D_PT_panel)


def _menu(self: Any, _context: Any) -> None:
    self.layout.operator(SCAN3D_OT_import.bl_idname, text="scan3d twin (folder)")


def register() -> None:
    """Called by Blender when the add-on is switched on."""
    for made in _CLASSES:
        bpy.utils.register_class(made)
    bpy.types.TOPBAR_MT_file_import.append(_menu)


def unregister() -> None:
    """Called by Blender when the add-on is switched off."""
    bpy.types.TOPBAR_MT_file_import.remove(_menu)
    for made in reversed(_CLASSES):
        bpy.utils.unregister_class(made)

"""Motion files there and back, other rates, and BVH skeletons whose truth is known in closed form."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from scan3d.body.alignment import UPRIGHT
from scan3d.body.bone_names import joints_by_name, side_and_part
from scan3d.body.bvh import read_bvh
from scan3d.body.model import BodyModel, BodyParameters
from scan3d.body.motion import Motion, read_motion, read_npz_motion, write_motion
from scan3d.body.rotations import matrices
from scan3d.body.skeleton import JOINTS, PARENTS, joint
from scan3d.body.skinning import kinematics, pose_body
from scan3d.errors import InputError
from tests.body.stick_body import joint_places, stick_body

MIXAMO = {
    "pelvis": "Hips", "spine1": "Spine", "spine2": "Spine1", "spine3": "Spine2", "neck": "Neck", "head": "Head",
    "hip": "UpLeg", "knee": "Leg", "ankle": "Foot", "foot": "ToeBase", "collar": "Shoulder", "shoulder": "Arm",
    "elbow": "ForeArm", "wrist": "Hand", "index": "HandIndex", "middle": "HandMiddle", "ring": "HandRing",
    "pinky": "HandPinky", "thumb": "HandThumb",
}  # fmt: skip
CMU = MIXAMO | {"spine1": "LowerBack", "spine2": "Spine", "spine3": "Spine1", "neck": "Neck1"}
RIGIFY = {
    "pelvis": "spine", "spine1": "spine.001", "spine2": "spine.002", "spine3": "spine.003", "neck": "spine.004",
    "head": "spine.006", "hip": "thigh", "knee": "shin", "ankle": "foot", "foot": "toe", "collar": "shoulder",
    "shoulder": "upper_arm", "elbow": "forearm", "wrist": "hand", "index": "f_index.0", "middle": "f_middle.0",
    "ring": "f_ring.0", "pinky": "f_pinky.0", "thumb": "thumb.0",
}  # fmt: skip
UNREAL = RIGIFY | {
    "pelvis": "pelvis", "spine1": "spine_01", "spine2": "spine_02", "spine3": "spine_03", "neck": "neck_01",
    "knee": "calf", "foot": "ball", "collar": "clavicle", "shoulder": "upperarm", "elbow": "lowerarm", "head": "head",
    "index": "index_0", "middle": "middle_0", "ring": "ring_0", "pinky": "pinky_0", "thumb": "thumb_0",
}  # fmt: skip


def spelled(name: str, program: str) -> str:
    """Our joint in another program's words."""
    side, _, part = name.rpartition("_") if "_" in name else ("", "", name)
    digit = part[-1] if part[-1].isdigit() and not part.startswith("spine") else ""
    part = part.removesuffix(digit)
    if program in ("mixamo", "cmu"):
        return (
            ("mixamorig:" if program == "mixamo" else "")
            + side.capitalize()
            + {"mixamo": MIXAMO, "cmu": CMU}[program][part]
            + digit
        )
    if program == "rigify":
        return "DEF-" + RIGIFY[part] + digit + (f".{side[0].upper()}" if side else "")
    if program == "unreal":
        return UNREAL[part] + digit + (f"_{side[0]}" if side else "")
    return name


def write_bvh(
    path: Path,
    program: str,
    rest: np.ndarray,
    turns: np.ndarray,
    root: np.ndarray,
    order: str = "ZXY",
    fps: float = 60.0,
) -> None:
    """rest: (55, 3) places. turns: (N, 55, 3, 3) local. root: (N, 3). Eyes and jaw are left out."""
    lines = ["HIERARCHY"]
    kept: list[int] = []

    def add(number: int, depth: int) -> None:
        kept.append(number)
        pad = "\t" * depth
        offset = rest[number] - (rest[PARENTS[number]] if number else 0)
        lines.append(f"{pad}{'JOINT' if number else 'ROOT'} {spelled(JOINTS[number], program)}")
        lines.append(f"{pad}{{\n{pad}\tOFFSET {' '.join(f'{v:.9f}' for v in offset)}")
        positions = "Xposition Yposition Zposition " if number == 0 else ""
        lines.append(f"{pad}\tCHANNELS {3 + 3 * (number == 0)} {positions}{' '.join(a + 'rotation' for a in order)}")
        below = [n for n, parent in enumerate(PARENTS) if parent == number and n not in (22, 23, 24)]
        for child in below:
            add(child, depth + 1)
        if not below:
            lines.append(f"{pad}\tEnd Site\n{pad}\t{{\n{pad}\t\tOFFSET 0 0.01 0\n{pad}\t}}")
        lines.append(f"{pad}}}")

    add(0, 0)
    angles = (
        Rotation.from_matrix(turns[:, kept].reshape(-1, 3, 3)).as_euler(order, degrees=True).reshape(len(turns), -1)
    )
    lines += ["MOTION", f"Frames: {len(turns)}", f"Frame Time: {1 / fps:.9f}"]
    lines += [" ".join(f"{v:.9f}" for v in row) for row in np.c_[root, angles]]
    path.write_text("\n".join(lines))


def wandering(frames: int, seed: int = 0) -> Motion:
    """A smooth motion of all joints but jaw and eyes, standing up in the world."""
    rng = np.random.default_rng(seed)
    t = np.linspace(0, 1, frames)[:, None, None]
    pose = rng.normal(size=(55, 3)) * 0.3 + np.sin(2 * t + rng.normal(size=(55, 3))) * 0.3
    pose[:, 22:25] = 0
    pose[:, 0] = Rotation.from_matrix(UPRIGHT @ matrices(pose[:, 0])).as_rotvec()
    return Motion(fps=60.0, pose=pose, translation=np.linspace(0, 1, frames)[:, None] * [0.3, -1.2, 0.1])


def as_seen_by(
    motion: Motion, from_ours: np.ndarray, resting: np.ndarray, scale: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same motion of a skeleton in other axes, of another size, whose rest pose is ours turned by (55, 3, 3)."""
    rest = joint_places()
    world, places = [], []
    for frame in range(len(motion)):
        turns, at = kinematics(np.array(PARENTS), rest, motion.pose[frame], motion.translation[frame])
        world.append(turns)
        places.append(at)
    _, rest_places = kinematics(
        np.array(PARENTS), rest, Rotation.from_matrix(resting).as_rotvec().reshape(55, 3), np.zeros(3)
    )
    whole = np.empty_like(resting)
    for number, parent in enumerate(PARENTS):
        whole[number] = resting[number] if parent < 0 else whole[parent] @ resting[number]
    # Their joint turns by ours less the difference of the rest poses.
    turned = UPRIGHT.T @ np.array(world) @ np.swapaxes(whole, -1, -2)
    theirs = from_ours @ turned @ from_ours.T
    local = theirs.copy()
    for number, parent in enumerate(PARENTS):
        if parent >= 0:
            local[:, number] = np.swapaxes(theirs[:, parent], -1, -2) @ theirs[:, number]
    root = scale * np.array(places)[:, 0] @ UPRIGHT @ from_ours.T
    return scale * rest_places @ from_ours.T, local, root


@pytest.fixture(scope="module")
def plain() -> BodyModel:
    return stick_body(correctives=False)


def resting_pose(kind: str) -> np.ndarray:
    turns = np.tile(np.eye(3), (55, 1, 1))
    if kind == "a":
        for side, x in (("left", 1.0), ("right", -1.0)):
            turns[joint(f"{side}_shoulder")] = matrices([0, 0, -0.8 * x])
            turns[joint(f"{side}_elbow")] = matrices([0, -0.2 * x, 0])
            turns[joint(f"{side}_hip")] = matrices([0, 0, 0.1 * x])
            turns[joint(f"{side}_ankle")] = matrices([0, 0, -0.1 * x])
    return turns


Z_UP = np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]])  # Z up, facing +X


@pytest.mark.parametrize(
    ("program", "kind", "axes", "order", "scale"),
    [
        ("mixamo", "t", np.eye(3), "ZXY", 100.0),
        ("cmu", "t", np.eye(3), "ZYX", 17.8),
        ("rigify", "a", Z_UP, "XYZ", 1.0),
        ("unreal", "a", np.eye(3), "YXZ", 100.0),
        ("smpl", "a", Z_UP, "ZXY", 1.0),
    ],
)
def test_a_motion_comes_over_from_another_skeleton(
    plain: BodyModel, tmp_path: Path, program: str, kind: str, axes: np.ndarray, order: str, scale: float
) -> None:
    given = wandering(5)
    path = tmp_path / "walk.bvh"
    write_bvh(path, program, *as_seen_by(given, axes, resting_pose(kind), scale), order=order)
    read = read_motion(path, plain)
    assert read.fps == pytest.approx(60, rel=1e-6) and len(read) == 5
    # A rest pose with bent elbows leaves open how far the arm was twisted: less than half a millimetre.
    toes = [n for n, name in enumerate(JOINTS) if name.endswith("thumb3") or n in (22, 23, 24)]
    for frame in range(5):
        truth, found = pose_body(plain, given.frame(frame)).joints, pose_body(plain, read.frame(frame)).joints
        keep = np.setdiff1d(np.arange(55), toes)
        np.testing.assert_allclose(found[keep], truth[keep], atol=2e-6 if kind == "t" else 5e-4)


def test_another_size_walks_as_far_for_its_legs(plain: BodyModel, tmp_path: Path) -> None:
    given = wandering(3)
    rest, local, root = as_seen_by(given, np.eye(3), resting_pose("t"), 1.0)
    write_bvh(tmp_path / "giant.bvh", "mixamo", 3 * rest, local, 3 * root)
    read = read_motion(tmp_path / "giant.bvh", plain)
    np.testing.assert_allclose(read.translation, given.translation, atol=1e-6)


def test_who_moves_keeps_the_feet_where_the_legs_reach(tmp_path: Path) -> None:
    tall = stick_body(correctives=False)
    tall = replace(tall, shape_basis=np.stack([tall.template * 0.1], axis=2))
    given = wandering(2)
    write_bvh(tmp_path / "walk.bvh", "mixamo", *as_seen_by(given, np.eye(3), resting_pose("t"), 1.0))
    read = read_motion(tmp_path / "walk.bvh", tall, np.ones(1))
    mean = pose_body(tall, given.frame(1)).joints
    grown = pose_body(tall, read.frame(1, np.ones(1))).joints
    legs = [joint(f"{side}_{part}") for side in ("left", "right") for part in ("hip", "ankle")]
    # Ten per cent taller: ten per cent further, about the origin, hips and feet alike.
    np.testing.assert_allclose(grown[legs], 1.1 * mean[legs], atol=1e-5)


def test_spines_of_any_number_of_joints_bend_as_far(plain: BodyModel, tmp_path: Path) -> None:
    path = tmp_path / "short.bvh"
    turns = "CHANNELS 3 Zrotation Xrotation Yrotation"
    legs = "".join(
        f"JOINT {s}UpLeg\n{{\nOFFSET {x} 0 0\n{turns}\nJOINT {s}Leg\n{{\nOFFSET 0 -40 0\n"
        f"{turns}\nJOINT {s}Foot\n{{\nOFFSET 0 -40 0\n{turns}\nEnd Site\n{{\nOFFSET 0 0 10\n}}\n}}\n}}\n}}\n"
        for s, x in (("Left", 9), ("Right", -9))
    )
    arms = "".join(
        f"JOINT {s}Arm\n{{\nOFFSET {15 * x} 40 0\n{turns}\nJOINT {s}ForeArm\n{{\nOFFSET "
        f"{25 * x} 0 0\n{turns}\nJOINT {s}Hand\n{{\nOFFSET {25 * x} 0 0\n{turns}\n"
        f"End Site\n{{\nOFFSET {8 * x} 0 0\n}}\n}}\n}}\n}}\n"
        for s, x in (("Left", 1), ("Right", -1))
    )
    head = f"JOINT Head\n{{\nOFFSET 0 50 0\n{turns}\nEnd Site\n{{\nOFFSET 0 15 0\n}}\n}}\n"
    path.write_text(
        "HIERARCHY\nROOT Hips\n{\nOFFSET 0 0 0\nCHANNELS 6 Xposition Yposition Zposition "
        "Zrotation Xrotation Yrotation\n"
        f"{legs}JOINT Chest\n{{\nOFFSET 0 10 0\n{turns}\n{arms}{head}}}\n}}\n"
        "MOTION\nFrames: 1\nFrame Time: 0.033333\n"
        + " ".join(["0 90 0 0 0 0"] + ["0 0 0"] * 6 + ["0 30 0"] + ["0 0 0"] * 7)
    )
    pose = read_motion(path, plain).pose[0]
    for bone in ("spine1", "spine2", "spine3"):
        np.testing.assert_allclose(pose[joint(bone)], [np.radians(10), 0, 0], atol=1e-6)
    np.testing.assert_allclose(pose[joint("neck")], 0, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("LHipJoint", ("left", "hipjoint")), ("mixamorig:RightLeg", ("right", "leg")), ("lShldr", ("left", "shldr")),
        ("Bip01 L Thigh", ("left", "thigh")), ("DEF-f_index.01.R", ("right", "findex01")), ("leg", ("", "leg")),
        ("J_Bip_L_UpperLeg", ("left", "upperleg")), ("lower_arm_r", ("right", "lowerarm")),
        ("LowerBack", ("", "lowerback")),
        ("ring_01_l", ("left", "ring01")), ("root", ("", "root")), ("Left ankle", ("left", "ankle")),
    ],
)  # fmt: skip
def test_sides_are_told_in_many_spellings(name: str, says: tuple[str, str]) -> None:
    assert side_and_part(name) == says


def test_words_of_two_meanings_depend_on_the_others() -> None:
    parents = np.array([-1, 0, 1, 2, 0, 4, 5], np.int32)
    found = joints_by_name(["Hips", "LeftUpLeg", "LeftLeg", "LeftFoot", "LeftShoulder", "LeftArm", "LeftHand"], parents)
    assert (found["left_ankle"], found["left_collar"], found["left_shoulder"]) == (3, 4, 5)
    found = joints_by_name(
        ["pelvis", "left_hip", "left_knee", "left_ankle", "left_foot", "left_shoulder", "x"], parents
    )
    assert (found["left_ankle"], found["left_foot"], found["left_shoulder"]) == (3, 4, 5)


def test_skeletons_without_legs_and_damaged_files_are_refused(plain: BodyModel, tmp_path: Path) -> None:
    path = tmp_path / "bad.bvh"
    good = (
        "HIERARCHY\nROOT Hips\n{\nOFFSET 0 0 0\nCHANNELS 3 Zrotation Xrotation Yrotation\n}\n"
        "MOTION\nFrames: 1\nFrame Time: 0.1\n0 0 0\n"
    )
    path.write_text(good)
    with pytest.raises(InputError, match="left_hip, left_knee"):
        read_motion(path, plain)
    for change, says in (
        (("HIERARCHY", "HIERARCH"), "no BVH"),
        (("OFFSET 0 0 0", "OFFSET 0 x 0"), "skeleton of the motion is damaged"),
        (("Zrotation Xrotation", "Zrotation Wrotation"), "skeleton"),
        (("}\nMOTION", "\nMOTION"), "skeleton"),
        (("0 0 0\n", "0 0\n"), "skeleton|frames"),
        (("Frames: 1", "Frames: 2"), "frames of the motion"),
    ):
        path.write_text(good.replace(*change))
        with pytest.raises(InputError, match=says):
            read_bvh(path)
    with pytest.raises(InputError, match="cannot be read from"):
        read_motion(tmp_path / "motion.fbx", plain)


def test_files_of_amass_come_back(plain: BodyModel, tmp_path: Path) -> None:
    motion = wandering(7)
    write_motion(tmp_path / "m.npz", motion)
    read = read_motion(tmp_path / "m.npz", plain)
    np.testing.assert_array_equal(read.pose, motion.pose)
    np.testing.assert_array_equal(read.translation, motion.translation)
    assert read.fps == 60
    with np.load(tmp_path / "m.npz") as file:
        assert file["poses"].shape == (7, 165) and file["trans"].shape == (7, 3)
        np.testing.assert_array_equal(file["root_orient"], motion.pose[:, 0])
        np.testing.assert_array_equal(file["pose_body"], motion.pose[:, 1:22].reshape(7, 63))


def test_older_and_split_files_are_read_for_any_model(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    poses = rng.normal(size=(4, 52, 3))
    np.savez(
        tmp_path / "h.npz",
        poses=poses.reshape(4, 156),
        trans=np.zeros((4, 3)),
        betas=np.ones(16),
        mocap_framerate=120.0,
    )
    read = read_npz_motion(tmp_path / "h.npz")
    assert read.fps == 120 and read.pose.shape == (4, 55, 3) and read.shape is not None and read.shape.shape == (16,)
    np.testing.assert_array_equal(read.pose[:, 25:], poses[:, 22:])
    assert not read.pose[:, 22:25].any()
    assert read_npz_motion(tmp_path / "h.npz", 24).pose.shape == (4, 24, 3)
    np.testing.assert_array_equal(read_npz_motion(tmp_path / "h.npz", 52).pose, poses)
    hands = rng.normal(size=(4, 90))
    np.savez(
        tmp_path / "x.npz",
        root_orient=np.ones((4, 3)),
        pose_body=np.ones((4, 63)),
        pose_hand=hands,
        trans=np.zeros((4, 3)),
    )
    np.testing.assert_array_equal(read_npz_motion(tmp_path / "x.npz").pose[:, 25:].reshape(4, 90), hands)
    with pytest.raises(InputError, match="holds no poses"):
        np.savez(tmp_path / "n.npz", betas=np.zeros(3))
        read_npz_motion(tmp_path / "n.npz")
    with pytest.raises(InputError, match="translations for 4 poses"):
        np.savez(tmp_path / "t.npz", poses=np.zeros((4, 165)), trans=np.zeros((3, 3)))
        read_npz_motion(tmp_path / "t.npz")


def test_other_rates_turn_evenly_and_keep_the_time() -> None:
    angle = np.linspace(0, 3.0, 31)[:, None]
    pose = np.zeros((31, 55, 3))
    pose[:, 4] = Rotation.from_rotvec(angle * [0, 0.6, 0.8]).as_rotvec()
    motion = Motion(fps=30, pose=pose, translation=angle * [1.0, 0, 2])
    faster = motion.resampled(100)
    assert len(faster) == 101 and faster.seconds == pytest.approx(1)
    np.testing.assert_allclose(faster.pose[:, 4], np.linspace(0, 3, 101)[:, None] * [0, 0.6, 0.8], atol=1e-9)
    np.testing.assert_allclose(faster.translation[:, 2], np.linspace(0, 6, 101), atol=1e-9)
    np.testing.assert_allclose(motion.resampled(30).pose, pose, atol=1e-12)
    assert len(motion.resampled(7)) == 8


def test_turns_past_half_a_turn_take_the_short_way() -> None:
    pose = np.zeros((2, 55, 3))
    pose[0, 0], pose[1, 0] = [0, 0, np.pi - 0.1], [0, 0, -np.pi + 0.1]
    middle = Motion(fps=1, pose=pose, translation=np.zeros((2, 3))).resampled(2).pose[1, 0]
    np.testing.assert_allclose(np.abs(middle), [0, 0, np.pi], atol=1e-9)


def test_trims_and_single_frames() -> None:
    motion = wandering(10)
    part = motion.trimmed(2, 9, 3)
    np.testing.assert_array_equal(part.pose, motion.pose[[2, 5, 8]])
    assert part.fps == 20
    assert isinstance(motion.frame(-1), BodyParameters)
    np.testing.assert_array_equal(motion.frame(-1).pose, motion.pose[9])
    assert len(Motion(fps=30, pose=motion.pose[:1], translation=np.zeros((1, 3))).resampled(60)) == 1
    with pytest.raises(ValueError, match="no motion"):
        motion.trimmed(20)

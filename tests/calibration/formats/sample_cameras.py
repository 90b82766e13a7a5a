"""A camera of every lens, a file of Metashape and points, for the tests of camera files."""

import numpy as np

from scan3d.geometry import Camera, Intrinsics, Rigid3
from scan3d.geometry.rig_definition import look_at

POINTS = np.random.default_rng(5).uniform(-0.35, 0.35, (40, 3)) + np.array([0.0, 0.0, 1.0])
FISHEYE = (0.02, -0.004, 0.002, -0.0003)
BROWN = (-0.12, 0.07, 0.0011, -0.0007, 0.013, 0.0, 0.0, 0.0)
RATIONAL = (-0.12, 0.07, 0.0011, -0.0007, 0.013, 0.02, -0.01, 0.003)


def camera_with(model: str, distortion: tuple[float, ...], *, portrait: bool = True) -> Camera:
    width, height = (900, 1200) if portrait else (1200, 900)
    lens = Intrinsics(
        model=model, width=width, height=height, fx=1311.7, fy=1308.9, cx=447.1, cy=603.4, distortion=distortion
    )  # fmt: skip
    pose = look_at(np.array([0.4, -2.1, 1.3]), np.array([0.0, 0.05, 1.0]))
    roll = Rigid3.exp([0.0, 0.0, 0.0, 0.0, 0.0, 0.4])
    return Camera(camera_id="cam07", intrinsics=lens, cam_from_world=roll @ pose)


METASHAPE = """<?xml version="1.0" encoding="UTF-8"?>
<document version="2.0.0"><chunk label="Chunk 1" enabled="true">
 <sensors next_id="2"><sensor id="1" label="unknown" type="frame">
  <resolution width="900" height="1200"/><property name="layer_index" value="0"/>
  <calibration type="frame" class="adjusted"><resolution width="900" height="1200"/>
   <f>1308.9</f><cx>-2.9</cx><cy>3.4</cy><b1>2.8</b1><k1>-0.12</k1><k2>0.07</k2><k3>0.013</k3>
   <p1>-0.0007</p1><p2>0.0011</p2></calibration></sensor></sensors>
 <components next_id="1" active_id="0"><component id="0" label="Component 1"><transform>
   <rotation locked="false">0 -1 0 1 0 0 0 0 1</rotation>
   <translation locked="false">0.1 -0.2 0.9</translation><scale locked="true">0.25</scale></transform>
 </component></components>
 <cameras next_id="2" next_group_id="1"><group id="0" label="ring" type="folder">
  <camera id="0" sensor_id="1" component_id="0" label="cam07.JPG"><transform>
   1 0 0 0.5  0 0 1 -8.0  0 -1 0 0.25  0 0 0 1</transform></camera></group>
  <camera id="1" sensor_id="1" label="cam08.JPG"/></cameras>
 <reference>LOCAL_CS["Local Coordinates (m)",LOCAL_DATUM["Local Datum",0],UNIT["metre",1]]</reference>
</chunk></document>
"""

"""A surface seen by a camera, by casting rays: needs no graphics driver and is exact for every lens model."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scan3d.errors import InputError
from scan3d.geometry import Camera, Mesh
from scan3d.geometry.ray_scene import ray_scene, tensor
from scan3d.report.texture import Texture, to_8_bit

_RAYS_AT_ONCE = 1_000_000
# Below this size a picture's rays cost less than finding out which of them can hit.
_SMALL_PX = 60_000
# Tiles decoded from files are kept up to this size: four of 8K.
_TILES_BYTES = 800 << 20


@dataclass(frozen=True, kw_only=True)
class Hits:
    """Where rays through picture positions meet the surface first; n of N rays do.

    hit      (N,) bool: which rays meet it.
    face     (n,) int64: the face met.
    weights  (n, 3) float32: barycentric weights of the face's three corners, summing to 1.
    depth_m  (n,) float32: camera z of the point met, in the world's unit (metres in a metric world).
    """

    hit: NDArray[np.bool_]
    face: NDArray[np.int64]
    weights: NDArray[np.float32]
    depth_m: NDArray[np.float32]

    @staticmethod
    def joined(parts: Sequence[Hits]) -> Hits:
        """The rays of all parts, one after another."""
        return Hits(
            hit=np.concatenate([np.zeros(0, bool), *(part.hit for part in parts)]),
            face=np.concatenate([np.zeros(0, np.int64), *(part.face for part in parts)]),
            weights=np.concatenate([np.zeros((0, 3), np.float32), *(part.weights for part in parts)]),
            depth_m=np.concatenate([np.zeros(0, np.float32), *(part.depth_m for part in parts)]),
        )


class SurfaceView:
    """A mesh, with its texture if it has one, made ready for looking at from any camera."""

    def __init__(self, mesh: Mesh, texture: Texture | None = None) -> None:
        """Builds the ray tree (Embree through Open3D). Raises InputError for a mesh without faces."""
        if len(mesh.faces) == 0:
            raise InputError("The mesh has no faces to look at.", "mesh.faces", "Reconstruct the take first.")
        if texture is not None and len(texture.uv) != len(mesh.faces):
            raise InputError(
                f"A texture of {len(texture.uv)} faces on a mesh of {len(mesh.faces)}.",
                "texture.uv",
                "Give the texture that was made for this mesh.",
            )
        self.mesh = mesh
        self.texture = texture
        self.vertices = np.ascontiguousarray(mesh.vertices, np.float32)
        self.faces = np.ascontiguousarray(mesh.faces, np.int32)
        self._normals: NDArray[np.float32] | None = None
        self._tiles: dict[tuple[int, int], NDArray[np.generic]] = {}
        self._tiles_lock = threading.Lock()
        self._scene = ray_scene([(self.vertices, self.faces)])

    def cast(self, camera: Camera, positions_px: NDArray[np.floating]) -> Hits:
        """Hits of rays through (N, 2) picture positions (pixel centres at .5) of a camera with any lens."""
        return self.cast_along(camera, camera.ray_directions(positions_px))

    def cast_along(self, camera: Camera, directions: NDArray[np.floating]) -> Hits:
        """Hits of rays from a camera's centre along (N, 3) unit directions, world; none where not finite."""
        centre = np.asarray(camera.centre, np.float32)
        forward = np.asarray(camera.forward, np.float32)
        parts = []
        for start in range(0, len(directions), _RAYS_AT_ONCE):
            along = directions[start : start + _RAYS_AT_ONCE].astype(np.float32)
            # Beyond what the lens model reaches there is no ray, and a ray tree must not be asked for one.
            reached = np.isfinite(along).all(axis=1)
            along[~reached] = 0
            rays = np.concatenate([np.broadcast_to(centre, along.shape), along], axis=1)
            answer = self._scene.cast_rays(tensor(rays))
            distance = answer["t_hit"].numpy()
            hit = np.isfinite(distance) & reached
            b, c = answer["primitive_uvs"].numpy()[hit].T
            weights = np.stack([1 - b - c, b, c], axis=1)
            face = answer["primitive_ids"].numpy()[hit].astype(np.int64)
            depth = distance[hit] * (along[hit] @ forward)
            parts.append(Hits(hit=hit, face=face, weights=weights, depth_m=depth))
        return Hits.joined(parts)

    def occluded(
        self, origins: NDArray[np.floating], directions: NDArray[np.floating], far: float
    ) -> NDArray[np.bool_]:
        """(N,) whether a ray from (N, 3) origins along (N, 3) directions meets the surface before `far`
        lengths.
        """
        rays = np.concatenate([origins, directions], axis=1).astype(np.float32)
        return self._scene.test_occlusions(tensor(rays), 0.0, far).numpy()

    def nearest(self, points: NDArray[np.floating]) -> tuple[Hits, NDArray[np.float32]]:
        """The place of the surface nearest to each of (N, 3) points, as hits whose depth is 0, and (N,) how far it
        is.
        """
        asked = np.ascontiguousarray(points, np.float32)
        answer = self._scene.compute_closest_points(tensor(asked))
        b, c = answer["primitive_uvs"].numpy().T
        hits = Hits(
            hit=np.ones(len(asked), bool),
            face=answer["primitive_ids"].numpy().astype(np.int64),
            weights=np.stack([1 - b - c, b, c], axis=1),
            depth_m=np.zeros(len(asked), np.float32),
        )
        return hits, np.linalg.norm(answer["points"].numpy() - asked, axis=1)

    def box_px(self, camera: Camera) -> tuple[int, int, int, int]:
        """Columns and rows (left, top, right, bottom; right and bottom excluded) outside of which no ray
        hits.
        """
        width, height = camera.intrinsics.width, camera.intrinsics.height
        if width * height <= _SMALL_PX:
            return 0, 0, width, height
        corners = self.vertices[:: max(1, len(self.vertices) // 50_000)]
        px, depth = camera.project(corners.astype(np.float64))
        if not (depth > 0).all() or not np.isfinite(px).all():
            return 0, 0, width, height
        low, high = px.min(axis=0), px.max(axis=0)
        # Of a large mesh only some vertices were asked; the margin covers those between them.
        margin = 2 + 0.02 * (high - low)
        left, top = np.clip(np.floor(low - margin), 0, (width, height)).astype(int)
        right, bottom = np.clip(np.ceil(high + margin), 0, (width, height)).astype(int)
        return int(left), int(top), int(right), int(bottom)

    def points(self, hits: Hits) -> NDArray[np.float32]:
        """(n, 3) points met, world."""
        return self.interpolate(hits, self.vertices)

    def normals(self, hits: Hits) -> NDArray[np.float32]:
        """(n, 3) unit normals, interpolated from the vertices (the mesh's own, else area weighted)."""
        if self._normals is None:
            given = self.mesh.normals if self.mesh.normals is not None else self.mesh.vertex_normals()
            self._normals = np.ascontiguousarray(given, np.float32)
        normals = self.interpolate(hits, self._normals)
        return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)

    def interpolate(self, hits: Hits, per_vertex: NDArray[np.generic]) -> NDArray[np.float32]:
        """(n,) or (n, k) values at the points met, linear between (V,) or (V, k) values at the vertices."""
        corners = np.asarray(per_vertex, np.float32)[self.faces[hits.face]]
        return np.einsum("nc,nc...->n...", hits.weights, corners)

    def turned_away(self, hits: Hits, camera: Camera) -> NDArray[np.bool_]:
        """(n,) whether the face met shows its inner side."""
        a, b, c = (self.vertices[self.faces[hits.face, corner]] for corner in range(3))
        outward = np.cross(b - a, c - a)
        return np.einsum("nk,nk->n", outward, np.asarray(camera.centre, np.float32) - a) < 0

    def colours(self, hits: Hits, camera: Camera | None = None) -> NDArray[np.float32]:
        """(n, 3) float32 sRGB-encoded colours in [0, 1], bilinear in the texture.

        With a camera, maps that are finer than its pixels are first averaged to about its pixels (no
        shimmer); without one they are read at full size, as a comparison with photographs wants.
        """
        texture = self._need_texture()
        owner = texture.owner()[hits.face]
        uv = np.einsum("nc,ncd->nd", hits.weights, np.asarray(texture.uv, np.float32)[hits.face])
        found = np.zeros((len(owner), 3), np.float32)
        for tile in np.unique(owner).tolist():
            of_tile = owner == tile
            halvings = 0 if camera is None else self._halvings(hits, of_tile, tile, camera)
            found[of_tile] = _bilinear(self._tile(tile, halvings), uv[of_tile])
        return found

    def _need_texture(self) -> Texture:
        if self.texture is None:
            raise InputError("The surface has no texture.", "SurfaceView", "Give a Texture to show its colours.")
        return self.texture

    def _halvings(self, hits: Hits, of_tile: NDArray[np.bool_], tile: int, camera: Camera) -> int:
        """How often the tile is halved so that a texel is about a pixel, in the middle of what is seen of
        it.
        """
        texture = self._need_texture()
        some = np.flatnonzero(of_tile)[:: max(1, int(of_tile.sum()) // 2000)]
        face = hits.face[some]
        a, b, c = (self.vertices[self.faces[face, corner]] for corner in range(3))
        area_m2 = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
        (u1, v1), (u2, v2) = (np.moveaxis(texture.uv[face, k] - texture.uv[face, 0], -1, 0) for k in (1, 2))
        picture = self._tile(tile, 0)
        area_texels = np.abs(u1 * v2 - u2 * v1) / 2 * picture.shape[0] * picture.shape[1]
        scale_px = (camera.intrinsics.fx / hits.depth_m[some]) ** 2
        texels_per_pixel = np.sqrt(area_texels / np.maximum(area_m2 * scale_px, 1e-30))
        middle = float(np.median(texels_per_pixel))
        return int(np.clip(np.round(np.log2(max(middle, 1.0))), 0, 6))

    def _tile(self, tile: int, halvings: int) -> NDArray[np.generic]:
        """A picture of the texture, halved so often; safe to ask from several threads."""
        import cv2

        with self._tiles_lock:
            picture = self._tiles.pop((tile, halvings), None)
            if picture is None:
                whole = self._tiles.get((tile, 0))
                picture = self._need_texture().picture(tile) if whole is None else whole
                if halvings:
                    size = tuple(max(1, side >> halvings) for side in picture.shape[1::-1])
                    picture = cv2.resize(to_8_bit(picture), size, interpolation=cv2.INTER_AREA)
            # Last in order is last used; what was used longest ago goes first when there is too much.
            self._tiles[tile, halvings] = picture
            while len(self._tiles) > 1 and sum(kept.nbytes for kept in self._tiles.values()) > _TILES_BYTES:
                self._tiles.pop(next(iter(self._tiles)))
            return picture


def _bilinear(picture: NDArray[np.generic], uv: NDArray[np.floating]) -> NDArray[np.float32]:
    """(n, 3) in [0, 1] at (n, 2) coordinates, v up, texel centres at half texels, clamped at the borders."""
    height, width = picture.shape[:2]
    x = np.clip(uv[:, 0] * width - 0.5, 0, max(width - 1.001, 0))
    y = np.clip((1 - uv[:, 1]) * height - 0.5, 0, max(height - 1.001, 0))
    x0, y0 = x.astype(np.int64), y.astype(np.int64)
    fx, fy = (x - x0)[:, None].astype(np.float32), (y - y0)[:, None].astype(np.float32)
    x1, y1 = np.minimum(x0 + 1, width - 1), np.minimum(y0 + 1, height - 1)
    above = picture[y0, x0] * (1 - fx) + picture[y0, x1] * fx
    below = picture[y1, x0] * (1 - fx) + picture[y1, x1] * fx
    return ((above * (1 - fy) + below * fy) / np.float32(255 if picture.dtype == np.uint8 else 65535)).astype(
        np.float32
    )

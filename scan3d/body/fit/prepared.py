"""A model made ready for fits: thinned, and without what no scan sees. Made once per model."""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np

from scan3d.body.fit.face import face_vertices
from scan3d.body.fit.outside import evenly, seen_vertices
from scan3d.body.fit.posing import Body
from scan3d.body.model import BodyModel

_COARSE_VERTICES, _BACK_VERTICES = 1300, 3000
_HAIRY = 0.2  # hair lies a little over the edge of the scalp
SHAPES, EXPRESSIONS = 200, 10


@dataclass(frozen=True, kw_only=True, eq=False)
class Prepared:
    """body: the whole one; coarse: a thinned one. seen: (V,) vertices and faces: (F, 3) that can be seen from outside.
    back_rows: (M,) of the vertices, spread evenly. hairy: (V,) where hair grows, nowhere for a model that does not say.
    hands: (2, 45) relaxed hands. face: (V,) what is looked at more closely."""

    body: Body
    coarse: Body
    seen: np.ndarray
    faces: np.ndarray
    back_rows: np.ndarray
    hairy: np.ndarray
    hands: np.ndarray
    face: np.ndarray


_READY: WeakKeyDictionary[BodyModel, Prepared] = WeakKeyDictionary()


def prepared(model: BodyModel) -> Prepared:
    """The model made ready, kept as long as the model itself."""
    if model not in _READY:
        body = Body.of(model, shapes=SHAPES, expressions=EXPRESSIONS)
        seen = seen_vertices(model)
        hairy = np.asarray(model.parts.get("scalp", np.zeros(len(model.template)))) > _HAIRY
        _READY[model] = Prepared(
            body=body,
            coarse=body.part(evenly(body.template, body.faces, seen, _COARSE_VERTICES)),
            seen=seen,
            faces=body.faces[seen[body.faces].all(axis=1)],
            back_rows=evenly(body.template, body.faces, seen, _BACK_VERTICES),
            hairy=hairy,
            hands=np.asarray(model.hand_means, np.float64),
            face=face_vertices(body, seen, hairy),
        )
    return _READY[model]

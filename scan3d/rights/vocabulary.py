"""The words of the terms: roles, kinds of consent, media, content, deliverables."""

from __future__ import annotations

import enum


class Role(enum.StrEnum):
    """What a party is to the twins of a registry."""

    STUDIO = "studio"
    AGENCY = "agency"
    LICENSEE = "licensee"
    GUARDIAN = "guardian"


class ConsentKind(enum.StrEnum):
    """What a consent is for; each is asked for on its own."""

    SCAN = "scan"
    BUILD = "build"
    USE = "use"
    TRAIN = "train"


class Purpose(enum.StrEnum):
    """What something leaves the house for. QC: the studio's own look at its work."""

    USE = "use"
    TRAIN = "train"
    QC = "qc"


class Medium(enum.StrEnum):
    """Where it will be seen."""

    ECOMMERCE = "ecommerce"
    SOCIAL = "social"
    ONLINE = "online"
    PRINT = "print"
    OUTDOOR = "outdoor"
    PACKAGING = "packaging"
    POINT_OF_SALE = "point_of_sale"
    TELEVISION = "television"
    FILM = "film"
    GAME = "game"
    VIRTUAL = "virtual"
    EDITORIAL = "editorial"
    INTERNAL = "internal"


class Content(enum.StrEnum):
    """What it shows or serves; nothing is allowed that is not named."""

    FASHION = "fashion"
    SPORTSWEAR = "sportswear"
    BEAUTY = "beauty"
    SWIMWEAR = "swimwear"
    LINGERIE = "lingerie"
    NUDITY = "nudity"
    ALCOHOL = "alcohol"
    TOBACCO = "tobacco"
    HEALTH = "health"
    FINANCE = "finance"
    GAMBLING = "gambling"
    POLITICAL = "political"
    RELIGIOUS = "religious"
    VIOLENCE = "violence"
    OTHER = "other"


class Deliverable(enum.StrEnum):
    """What leaves: pictures (and films of them), or a mesh that others can pose themselves."""

    PICTURES = "pictures"
    MESH = "mesh"


class LicenceState(enum.StrEnum):
    """draft -> model_signed -> licensee_signed -> active <-> suspended -> revoked | expired | exhausted."""

    DRAFT = "draft"
    MODEL_SIGNED = "model_signed"
    LICENSEE_SIGNED = "licensee_signed"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    EXPIRED = "expired"
    EXHAUSTED = "exhausted"


class UseState(enum.StrEnum):
    """requested -> approved | denied | lapsed; reserved -> rendered -> marked -> delivered -> invoiced -> paid | void.

    A request is in one of the first four; each of the uses that it was approved for, in one of the others.
    """

    REQUESTED = "requested"
    APPROVED = "approved"
    DENIED = "denied"
    LAPSED = "lapsed"
    RESERVED = "reserved"
    RENDERED = "rendered"
    MARKED = "marked"
    DELIVERED = "delivered"
    INVOICED = "invoiced"
    PAID = "paid"
    VOID = "void"

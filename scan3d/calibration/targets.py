"""Calibration targets: boards of known corners, as TOML that people edit after measuring their print.

calibration/targets/NAME.toml, one board:

    name = "charuco_a3"
    kind = "charuco"                # charuco, apriltag, chessboard, circles or asymmetric_circles
    dictionary = "DICT_5X5_250"     # charuco and apriltag: OpenCV's name
    columns = 14                    # squares (apriltag: tags; chessboard: inner corners; circles: dots) along the long side
    rows = 10
    square_m = 0.028                # side of a square; circles: from dot to dot; apriltag: side of a tag
    marker_m = 0.021                # charuco: side of a marker; circles: diameter of a dot
    gap_m = 0.01                    # apriltag: between tags
    first_id = 0                    # charuco and apriltag: number of the first marker
    inverted = false                # white where it is black elsewhere
    legacy = false                  # charuco boards made before OpenCV 4.6

or several, as [[board]] tables with a name each. Boards with the same `body` are faces of one solid thing; how they lie
to each other is found by the calibration.
"""

"""What every check of the second implementation raises."""


class Refused(Exception):
    """The block breaks a rule."""


def require(condition, rule):
    if not condition:
        raise Refused(rule)

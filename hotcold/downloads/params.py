"""Section `inception`: FID in Inception-v3 features."""

from typing import Literal

from hotcold.runtime.params import Section, TestImages

InceptionUse = Literal["auto", "required", "off"]


class InceptionParams(Section):
    """Inception features cost some 10^4 times as much as those of the classifier.

    use: `auto` continues without the weights if no source has them, `required` fails, `off` does
    not look for them. weights: the path of a local copy of the file. reference: real test images
    that the score compares with.
    """

    use: InceptionUse
    weights: str | None
    reference: TestImages

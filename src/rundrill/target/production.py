"""Does a name look like a production cluster's? Pure.

In doubt it does: to be asked once too often costs a flag, once too seldom an outage. So `prod`
counts wherever it stands (`eksprod`, `prodeu1`, `Prod2`), but for the words that are known to hold
it by chance (`reproduce`, `product-catalog`), and for what says no (`nonprod`, `pre-prod`).
"""

import re
import unicodedata
from typing import Final

_SPLIT: Final = re.compile(r"[^\W\d_]+")
_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_BY_CHANCE: Final = re.compile(
    # "reproduction" only as a word of its own: "storeproduction" is production.
    r"(?<![a-z])(?:re|co)production|produc(?:e|ing|ib|tivity|t(?!ion|iv|ie))|prodig"
)
_NEGATED: Final = re.compile(r"(?<![a-z])(?:non|not|pre)[\W_]{0,2}(?:prod|prd|live)[a-z]*")
_ANYWHERE: Final = re.compile(r"prod|prd|生产|生產|本番|프로덕션|운영|прод")
_PLACES: Final = r"eu|us|uk|de|na|sa|ap|ca|au|asia|emea|apac|east|west|north|south|central|global"
_WORD: Final = re.compile(
    rf"pro|go-?live|(?:{_PLACES})live|live(?:s|{_PLACES}|cluster|env|site|system|data|db|k)?"
    r"|[a-z]{2,}(?<!de)(?<!o)(?<!a)(?<!re)(?<!out)(?<!en)live"
)
"""As a whole word: `pro` is in `process`, `live` in `delivery` and in `alive`."""
_DIGITS: Final = str.maketrans("0", "o")


def looks_like_production(name: str) -> str | None:
    """The part of `name` that does, in lower case; None when nothing does."""
    plain = unicodedata.normalize("NFKC", name)
    plain = "".join(char for char in plain if unicodedata.category(char) != "Cf")
    spaced = _CAMEL.sub("-", plain)
    for form in (spaced, plain, spaced.translate(_DIGITS)):
        text = _NEGATED.sub("-", _BY_CHANCE.sub("-", form.casefold()))
        anywhere = _ANYWHERE.search(text)
        if anywhere is not None:
            return anywhere[0]
        for word in _SPLIT.findall(text):
            if _WORD.fullmatch(word):
                return str(word)
    return None

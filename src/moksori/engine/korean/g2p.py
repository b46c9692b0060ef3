"""Hangul as written to Hangul as pronounced: 표준 발음법, article by article.

표준 발음법 is the second part of 표준어 규정 (문화체육관광부 고시 제2017-13호); a comment "제12항" names its article.
What spelling alone cannot tell, whether two parts are a compound or a word is Sino-Korean, stands in `sounds.toml`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from moksori.engine.korean.lexicon import LEXICON

ONSETS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
NUCLEI = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
CODAS = ("", *"ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ")

_SPLIT = {
    "ㄳ": ("ㄱ", "ㅅ"),
    "ㄵ": ("ㄴ", "ㅈ"),
    "ㄶ": ("ㄴ", "ㅎ"),
    "ㄺ": ("ㄹ", "ㄱ"),
    "ㄻ": ("ㄹ", "ㅁ"),
    "ㄼ": ("ㄹ", "ㅂ"),
    "ㄽ": ("ㄹ", "ㅅ"),
    "ㄾ": ("ㄹ", "ㅌ"),
    "ㄿ": ("ㄹ", "ㅍ"),
    "ㅀ": ("ㄹ", "ㅎ"),
    "ㅄ": ("ㅂ", "ㅅ"),
}
_CLOSED = {
    **dict.fromkeys(("ㄱ", "ㄲ", "ㅋ", "ㄳ", "ㄺ"), "ㄱ"),
    **dict.fromkeys(("ㄷ", "ㅅ", "ㅆ", "ㅈ", "ㅊ", "ㅌ", "ㅎ"), "ㄷ"),
    **dict.fromkeys(("ㅂ", "ㅍ", "ㅄ", "ㄿ"), "ㅂ"),
    **dict.fromkeys(("ㄴ", "ㄵ", "ㄶ"), "ㄴ"),
    **dict.fromkeys(("ㄹ", "ㄼ", "ㄽ", "ㄾ", "ㅀ"), "ㄹ"),
    **dict.fromkeys(("ㅁ", "ㄻ"), "ㅁ"),
    "ㅇ": "ㅇ",
    "": "",
}
"""제8항 to 제11항: the seven sounds a syllable can end in."""
_TENSE = {"ㄱ": "ㄲ", "ㄷ": "ㄸ", "ㅂ": "ㅃ", "ㅅ": "ㅆ", "ㅈ": "ㅉ"}
_ASPIRATED = {"ㄱ": "ㅋ", "ㄷ": "ㅌ", "ㅂ": "ㅍ", "ㅈ": "ㅊ"}
_NASAL = {"ㄱ": "ㅇ", "ㄷ": "ㄴ", "ㅂ": "ㅁ"}
_PALATAL = {"ㄷ": "ㅈ", "ㅌ": "ㅊ"}


@dataclass(slots=True)
class Syllable:
    """One syllable as pronounced; `owner` is the eojeol it is heard with, `first` opens one joined to the last."""

    onset: str
    nucleus: str
    coda: str
    owner: int
    first: bool = False

    def __str__(self) -> str:
        code = (ONSETS.index(self.onset) * 21 + NUCLEI.index(self.nucleus)) * 28 + CODAS.index(self.coda)
        return chr(0xAC00 + code)


@dataclass(frozen=True, slots=True)
class Breath:
    """Eojeol said without a break between them, and the mark behind them ("" where only a space follows)."""

    syllables: tuple[Syllable, ...]
    mark: str


def pronounce(text: str) -> str:
    """The pronunciation of Hangul text in Hangul.

    >>> pronounce("국물이 없습니다.")
    '궁무리 업씀니다.'
    """
    return " ".join("".join(map(str, breath.syllables)) + breath.mark for breath in breaths(text.split()))


def breaths(eojeols: Sequence[str]) -> tuple[Breath, ...]:
    """Pronounce a sequence of eojeol; owners are positions in it. What is not Hangul or a mark is left out."""
    out: list[Breath] = []
    together: list[Syllable] = []
    for at, eojeol in enumerate(eojeols):
        letters = re.sub("[^가-힣]", "", eojeol)
        mark = (re.findall(r"[,.!?…;:]", eojeol) or [""])[-1]
        following = eojeols[at + 1] if at + 1 < len(eojeols) and not mark else ""
        if letters:
            previous = eojeols[at - 1] if at and together else ""
            syllables = _spelt(_respelt(letters, previous), at)
            if together:
                syllables[0].first = True
            together += syllables
        if together and not (following and letters and _one_breath(letters, following)):
            out.append(Breath(tuple(_apply(together)), mark))
            together = []
        elif mark and out and not letters:
            out[-1] = Breath(out[-1].syllables, mark)
    if together:
        out.append(Breath(tuple(_apply(together)), ""))
    return tuple(out)


# ---------------------------------------------------------------- what is said in one breath

_SINO = re.compile("[일이삼사오육칠팔구십백천만억조영공]+")
_NATIVE = re.compile(
    "(?:(?:열|스물|스무|서른|마흔|쉰|예순|일흔|여든|아흔)?(?:한|두|세|네|다섯|여섯|일곱|여덟|아홉|하나|둘|셋|넷)?)"
)
_COUNTED = re.compile("(?:" + "|".join(LEXICON.counters) + "|점)")
_DEPENDENT = re.compile(
    "[것거겁걸건]|게(?=$|[ 요])|수(?=$|[가는도를밖])|데(?=$|[가는를도에])|바(?=$|[를가는와])|적(?=$|[에이])|"
    "줄(?=$|[은을도로])|지(?=$|[는도를])|곳|사람|때|경우|일(?=$|[이은을도])"
)
"""Nouns that cling to the adnominal form before them (제27항); 일 takes a ㄴ besides (제29항 붙임 2)."""
_AFTER_STEM = re.compile(
    "(?:있|없|받|같|싶|않|찾|좋|많|읽|입|넣|했|었|았|였|됐|겠|닫|늦|높|낮|작|맞|남|넘|앉|벗|먹|묻|믿|닿|신|적|얻|잊)을$"
)
"""Where a final 을 is the adnominal ending; elsewhere it is the particle."""
_NOUNS_IN_L = re.compile(
    "(?:오늘|내일|매일|평일|휴일|요일|생일|당일|기일|메일|파일|종일|과일|제일|[0-9월]일|길|월|물|말|글|달|(?<!만)날|별|철|술|칼|팔|"
    "서울|스타일|이틀|사흘|나흘|하루|를|호텔|모델|채널|비밀|세일|품질|현실|사실|실|절|율|률|불|발|결|설|열)$"
)


def _one_breath(letters: str, following: str) -> bool:
    """Whether two eojeol are said as one, the articles' "이어서 한 마디로 발음하는 경우": where that is the rule."""
    ahead = re.sub("[^가-힣].*", "", following)
    if not ahead:
        return False
    if _is_numeral(letters):
        return bool(_COUNTED.match(ahead)) or (_is_numeral(ahead)) or (letters == "한" and ahead[0] == "일")
    if letters in ("못", "몇"):
        return True
    if ahead in ("한", "한두") and len(letters) == 1:
        return True
    return _is_adnominal(letters) and bool(_DEPENDENT.match(ahead))


def _is_numeral(letters: str) -> bool:
    return bool(_SINO.fullmatch(letters) or (_NATIVE.fullmatch(letters) and letters))


def _is_adnominal(letters: str) -> bool:
    if _spelt(letters[-1], 0)[0].coda != "ㄹ" or _NOUNS_IN_L.search(letters):
        return False
    return letters[-1] != "을" or bool(_AFTER_STEM.search(letters))


# ---------------------------------------------------------------- respelling what the rules cannot know


def _read() -> tuple[dict[str, str], dict[str, str], re.Pattern[str]]:
    table = tomllib.loads(files(__package__).joinpath("sounds.toml").read_text("utf-8"))
    start: dict[str, str] = table.pop("start")
    nouns = "|".join(sorted(table.pop("ui")["words"].split(), key=len, reverse=True))
    anywhere: dict[str, str] = {}
    for words in table.values():
        anywhere |= words
    return anywhere, start, re.compile(f"(?:{nouns})$")


_ANYWHERE, _START, _UI_NOUNS = _read()
_ANYWHERE_PATTERN = re.compile("|".join(sorted(_ANYWHERE, key=len, reverse=True)))
_START_PATTERN = re.compile("|".join(sorted(_START, key=len, reverse=True)))
_L_SYLLABLES = "".join(chr(0xAC00 + 28 * n + 8) for n in range(19 * 21))
_CLOSED_SYLLABLES = "".join(chr(0xAC00 + n) for n in range(11172) if n % 28)
_ENDINGS = (
    # 제27항 붙임: -(으)ㄹ걸, -ㄹ게, -ㄹ수록, -ㄹ지라도, -ㄹ지언정, -ㄹ진대. 길게 (an adverb) is another word.
    (re.compile(f"(?<=[{_L_SYLLABLES}])게(?=요)"), "께"),
    (re.compile("(?<=[할될갈올볼줄릴을킬낼])게$"), "께"),
    (re.compile(f"(?<=[{_L_SYLLABLES}])걸(?=요?$)"), "껄"),
    (re.compile(f"(?<=[{_L_SYLLABLES}])수록"), "쑤록"),
    (re.compile(f"(?<=[{_L_SYLLABLES}])지(?=라도|언정)"), "찌"),
    (re.compile("(?<=[할될갈올볼을릴])지(?=$|는|도|를)"), "찌"),
    (re.compile(f"(?<=[{_L_SYLLABLES}])진대"), "찐대"),
    (re.compile(f"(?<=[{_L_SYLLABLES}])밖에"), "빠께"),
    # 제29항: 육 and 여섯, 여덟 inside a numeral, 역 after a station's name, 율.
    (re.compile("(?<=[십백천만억삼일칠팔영공육])육"), "뉵"),
    (re.compile("(?<=[열물른흔쉰순든])여(?=[섯덟])"), "녀"),
    (re.compile(f"(?<=[가-힣][{_CLOSED_SYLLABLES}])역(?=$|에|으|이|은|을|까|부|앞|근)"), "녁"),
)


def _respelt(letters: str, previous: str) -> str:
    """An eojeol with its irregular sounds spelt out. `previous` is the eojeol it is joined to, "" if none."""
    before = re.sub("[^가-힣]", "", previous)
    if before:
        letters = _joined(letters, before)
    if found := _START_PATTERN.match(letters):
        letters = _START[found.group()] + letters[found.end() :]
    # 제5항 다만 4: 의 behind the first syllable is said 이, the particle 에.
    if letters.endswith("의") and len(letters) > 1:
        letters = letters[:-1] + ("이" if _UI_NOUNS.search(letters) else "에")
    letters = letters[:1] + letters[1:].replace("의", "이")
    letters = _ANYWHERE_PATTERN.sub(lambda m: _ANYWHERE[m.group()], letters)
    for pattern, said in _ENDINGS:
        letters = pattern.sub(said, letters)
    return letters


def _joined(letters: str, before: str) -> str:
    """The first sound of an eojeol that is said in one breath with the one before."""
    first = _spelt(letters[0], 0)[0]
    if _is_numeral(before):
        if letters[0] == "육" and before[-1] in "십백천만억":
            return "뉵" + letters[1:]  # 제29항 붙임 2
        if before == "한" and letters[0] == "일":
            return "닐" + letters[1:]
        if before[-1] in "일칠팔" and first.onset in "ㄷㅅㅈ":
            first.onset = _TENSE[first.onset]  # 제26항
            return str(first) + letters[1:]
        return letters
    if _is_adnominal(before):
        if letters[0] == "일":
            return "닐" + letters[1:]  # 제29항 붙임 2
        if first.onset in _TENSE:
            first.onset = _TENSE[first.onset]  # 제27항
            return str(first) + letters[1:]
    return letters


# ---------------------------------------------------------------- the rules


def _spelt(letters: str, owner: int) -> list[Syllable]:
    out = []
    for char in letters:
        code = ord(char) - 0xAC00
        out.append(Syllable(ONSETS[code // 588], NUCLEI[code % 588 // 28], CODAS[code % 28], owner))
    return out


def _apply(syllables: list[Syllable]) -> list[Syllable]:
    """Every pair of neighbours, from the left; a syllable's coda is settled before the next pair is looked at."""
    written = "".join(map(str, syllables))
    for at, syllable in enumerate(syllables):
        following = syllables[at + 1] if at + 1 < len(syllables) else None
        if following is None:
            syllable.coda = _CLOSED[syllable.coda]
        else:
            _meet(syllable, following, written[at])
    for syllable in syllables:
        _vowel(syllable)
    return syllables


def _meet(syllable: Syllable, following: Syllable, written: str) -> None:
    """What the end of one syllable and the beginning of the next do to each other."""
    if following.first:
        # Between words the final consonant is closed before anything else happens to it (제15항, 제12항 붙임 2).
        syllable.coda = _CLOSED[syllable.coda]
    coda, onset = syllable.coda, following.onset
    if not coda:
        return
    if coda in ("ㅎ", "ㄶ", "ㅀ") and _after_h(syllable, following):
        return
    if onset == "ㅎ" and _before_h(syllable, following):
        return
    if onset == "ㅇ" and syllable.coda != "ㅇ":
        _carry_over(syllable, following)
        return
    _close(syllable, following, written)


def _after_h(syllable: Syllable, following: Syllable) -> bool:
    """제12항: ㅎ joins ㄱ, ㄷ, ㅈ into an aspirate, makes ㅅ tense, is lost before a vowel. False: go on as usual."""
    rest = {"ㅎ": "", "ㄶ": "ㄴ", "ㅀ": "ㄹ"}[syllable.coda]
    if following.onset in "ㄱㄷㅈ":
        syllable.coda, following.onset = rest, _ASPIRATED[following.onset]
        return True
    if following.onset == "ㅅ":
        syllable.coda, following.onset = rest, "ㅆ"
        return True
    if following.onset == "ㅇ":
        syllable.coda = rest
        if rest:
            following.onset, syllable.coda = rest, ""
        return True
    syllable.coda = rest or "ㄷ"
    return False


def _before_h(syllable: Syllable, following: Syllable) -> bool:
    """제12항 붙임 1, 제17항 붙임: ㄱ, ㄷ, ㅂ, ㅈ join a following ㅎ into an aspirate."""
    rest, last = _SPLIT.get(syllable.coda, ("", syllable.coda))
    if last == "ㅅ" or last in "ㅆㅊㅌㅋㅍㄲ":
        # 못하다: closed first. 값하다, 몫하다: the cluster is closed as a whole.
        rest, last = "", _CLOSED[syllable.coda]
        palatal = False
    else:
        palatal = last == "ㄷ" and not following.first
    if last not in _ASPIRATED:
        return False
    if palatal and following.nucleus in "ㅣㅕ":
        following.onset = "ㅊ"
    else:
        following.onset = _ASPIRATED[last]
    syllable.coda = _CLOSED[rest]
    return True


def _carry_over(syllable: Syllable, following: Syllable) -> None:
    """제13항, 제14항, 제17항: a final consonant is said with the vowel behind it."""
    rest, last = _SPLIT.get(syllable.coda, ("", syllable.coda))
    if last in _PALATAL and following.nucleus in "ㅣㅕ" and not following.first:
        last = _PALATAL[last]
    elif rest and last == "ㅅ":
        last = "ㅆ"
    following.onset, syllable.coda = last, _CLOSED[rest]


def _close(syllable: Syllable, following: Syllable, written: str) -> None:
    """제9항 to 제11항, then what the closed sound and the next consonant do to each other."""
    coda, onset = syllable.coda, following.onset
    closed = _CLOSED[coda]
    if coda == "ㄺ" and onset == "ㄱ" and written not in "닭흙칡삵":
        closed = "ㄹ"  # 제11항 다만: 맑게[말께]
        following.onset = "ㄲ"
    elif coda == "ㄼ" and written == "밟":
        closed = "ㅂ"  # 제10항 다만
    tense = closed in _NASAL  # 제23항
    tense |= coda in ("ㄼ", "ㄾ") and written != "덟" and onset != "ㅂ"  # 제25항
    tense |= coda == "ㄵ" or (
        coda == "ㄻ" and written != "삶" and (onset, following.nucleus) != ("ㄱ", "ㅣ")
    )  # 제24항
    if tense and onset in _TENSE:
        following.onset = _TENSE[onset]
    if closed in _NASAL and onset in "ㄴㅁ":
        closed = _NASAL[closed]  # 제18항
    elif closed in _NASAL and onset == "ㄹ":
        closed, following.onset = _NASAL[closed], "ㄴ"  # 제19항 붙임
    elif closed in ("ㅁ", "ㅇ") and onset == "ㄹ":
        following.onset = "ㄴ"  # 제19항
    elif closed == "ㄴ" and onset == "ㄹ":
        closed = "ㄹ"  # 제20항
    elif closed == "ㄹ" and onset == "ㄴ":
        following.onset = "ㄹ"  # 제20항
    syllable.coda = closed


def _vowel(syllable: Syllable) -> None:
    """제5항 다만 1 to 3."""
    if syllable.onset in "ㅈㅉㅊ" and syllable.nucleus == "ㅕ":
        syllable.nucleus = "ㅓ"
    elif syllable.nucleus == "ㅖ" and syllable.onset not in "ㅇㄹㄴ":
        syllable.nucleus = "ㅔ"
    elif syllable.nucleus == "ㅢ" and syllable.onset != "ㅇ":
        syllable.nucleus = "ㅣ"

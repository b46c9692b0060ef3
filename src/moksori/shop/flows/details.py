"""Names, phone numbers and addresses out of a sentence. Pure."""

from __future__ import annotations

import re

from moksori.shop.flows.digits import said_digits
from moksori.shop.guard.sounds import key

_SURNAMES = (
    "김이박최정강조윤장임한오서신권황안송류전홍고문양손배백남노하허유심곽성차주우구민진나엄채원천방공현함변염"
)
_NAME_ENDS = (
    "이라고 합니다|라고 합니다|이라고 해요|라고 해요|이에요|예요|이고요|고요|입니다|이라고요|이고|이요|요|님"
)
_NAME_ASKED = re.compile(
    rf"(?<!\w)(?:이름은|성함은|이름이|저는|전|제가|나는)?\s*([가-힣]{{2,5}}?)(?:{_NAME_ENDS}|,|\s|\.|$)"
)
_NAME_EN = re.compile(
    r"(?:i'?m|i am|my name is|the name is|name'?s|name is|this is|it'?s)\s+([a-z]+(?:[ -][a-z]+){0,2})",
    re.IGNORECASE,
)
_NAME_FIRST = re.compile(
    r"^\W*([a-z]+(?: [a-z]+){1,2})\s*[,.]\s*(?:and |my |the |phone |number |is |it'?s )*[\d+(]", re.IGNORECASE
)
"""A name and then a number, as people answer who were asked for both."""
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", re.ASCII)
_SPOKEN_DIGITS = frozenset("공영일이삼사오육륙칠팔구")
_NOT_NAMES = frozenset(
    {"이름", "번호", "전화", "전화번호", "주문", "주문번호", "이메일", "성함", "저기", "그게", "안녕", "우선"}
)
_REGION = (
    r"(?:서울|부산|대구|인천|광주|대전|울산|세종)(?:특별자치시|특별시|광역시|시)?|경기도?|강원(?:특별자치)?도?|충청[남북]도|충[남북]|"
    r"전라[남북]도|전북특별자치도|전[남북]|경상[남북]도|경[남북]|제주(?:특별자치)?도?"
)
_ADDRESS_KO = re.compile(
    rf"(?P<region>{_REGION})\s+(?P<city>(?:\S+[시군구]\s*)+?)\s*(?P<line1>\S+?(?:로|길)\s?\d+(?:-\d+)?(?:번길 ?\d+)?)"
    r"(?P<rest>[^0-9]*(?:\d+동)?\s*(?:\d+호)?)"
)
_ADDRESS_KO_PLAIN = re.compile(
    r"(?P<city>(?:[가-힣]+[시군구]\s+)+)(?P<line1>[가-힣\d]+?(?:로|길)\s?\d+(?:-\d+)?(?:번길 ?\d+)?)"
)
"""Without its region, which the postcode tells."""
_STREET_EN = r"ro|gil|daero|street|st|road|rd|row|avenue|ave|lane|drive"
_INSIDE_EN = r"building|block|tower|apartment|apt|flat|unit|suite|room|floor|\d+(?:st|nd|rd|th) floor"
_POSTCODE_EN = r"(?:(?:with )?(?:the )?(?:postcode|postal code|zip(?: code)?)\s*(?:is )?)?(?=\d{5}|[,.]|$)"
_ADDRESS_EN = re.compile(
    rf"(?<![\d-])(?P<line1>\d+[a-z]?\s+[^,\d]+?(?:{_STREET_EN})\b[^,]*),\s*"
    rf"(?P<line2>(?:{_INSIDE_EN})\b[^,]*(?:,\s*(?:{_INSIDE_EN})\b[^,]*)*,\s*)?(?P<city>[^,]+),\s*"
    rf"(?P<region>[a-z][a-z .-]+?)(?:,|\s)*{_POSTCODE_EN}",
    re.IGNORECASE,
)
_ADDRESS_EN_PLAIN = re.compile(
    r"(?P<line1>\d+[a-z]?(?:-\d+)?\s+[\w-]+-(?:ro|gil|daero))\b[\s,]*(?P<line2>[^-]*?)[\s,]*"
    r"(?P<city>\w+-(?:gu|si|gun)(?:[\s,]+\w+(?:-si)?)?)[\s,]+(?P<region>[a-z]+(?:-do)?)[\s,]*"
    rf"{_POSTCODE_EN}",
    re.IGNORECASE,
)
"""Without commas, as a recogniser writes it: the endings say which part is what."""
_ROAD = re.compile(
    r"(?P<a>\d+[a-z]?(?:-\d+)? [\w-]+-(?:daero|ro|gil)(?: ?\d+(?:beon)?-?gil)?)\b"
    r"|(?P<b>[\w-]+-(?:daero|ro|gil)(?: ?\d+(?:beon)?-?gil)?,? (?:number |no\.? ?)?\d+(?:-\d+)?)\b",
    re.IGNORECASE,
)
"""A Korean street in English, the number before it or after it."""
_TOWN = re.compile(r"\b\w+-(?:gu|si|gun)\b", re.IGNORECASE)
_INSIDE = re.compile(rf"\b(?:{_INSIDE_EN})\b(?: (?:number |no\.? ?)?[a-z]?\d+[a-z]?)?|#\d+", re.IGNORECASE)
_REGION_EN = (
    "Seoul", "Busan", "Daegu", "Incheon", "Gwangju", "Daejeon", "Ulsan", "Sejong", "Gyeonggi", "Gangwon", "Chungbuk",
    "Chungnam", "Jeonbuk", "Jeonnam", "Gyeongbuk", "Gyeongnam", "Jeju",
)  # fmt: skip
_REGIONS: tuple[tuple[int, str, str], ...] = (
    (9, "서울특별시", "Seoul"), (20, "경기도", "Gyeonggi-do"), (23, "인천광역시", "Incheon"),
    (26, "강원특별자치도", "Gangwon-do"), (29, "충청북도", "Chungcheongbuk-do"), (30, "세종특별자치시", "Sejong"),
    (33, "충청남도", "Chungcheongnam-do"), (35, "대전광역시", "Daejeon"), (40, "경상북도", "Gyeongsangbuk-do"),
    (43, "대구광역시", "Daegu"), (45, "울산광역시", "Ulsan"), (49, "부산광역시", "Busan"),
    (53, "경상남도", "Gyeongsangnam-do"), (56, "전북특별자치도", "Jeonbuk-do"), (60, "전라남도", "Jeollanam-do"),
    (62, "광주광역시", "Gwangju"), (63, "제주특별자치도", "Jeju-do"),
)  # fmt: skip
"""The regions by the first two digits of their postcodes: the last of each, in Korean and English."""
_FULL_REGION = {
    "서울": "서울특별시", "부산": "부산광역시", "대구": "대구광역시", "인천": "인천광역시", "광주": "광주광역시",
    "대전": "대전광역시", "울산": "울산광역시", "세종": "세종특별자치시", "경기": "경기도",
}  # fmt: skip
_POSTCODE = re.compile(r"(?<![\d-])\d{5}(?![\d-])")
_FLAT = re.compile(r"(\d+동)?\s*(\d+호)")


def phone_in(text: str) -> str | None:
    """A Korean mobile or landline number, said or written."""
    return next((d for d in said_digits(text) if d.startswith("0") and 9 <= len(d) <= 11), None)


def email_in(text: str) -> str | None:
    found = _EMAIL.search(text)
    return found.group().rstrip(".").casefold() if found else None


def name_in(text: str) -> str | None:
    """A person's name: a Korean one by its surname, an English one after "my name is"."""
    for match in _NAME_ASKED.finditer(text):
        name = match[1]
        known = name[0] in _SURNAMES and name not in _NOT_NAMES and name.rstrip("은는을를") not in _NOT_NAMES
        if 2 <= len(name) <= 4 and known and not set(name) <= _SPOKEN_DIGITS:
            return name
    found = _NAME_EN.search(text) or _NAME_FIRST.search(text)
    if found is None:
        return None
    words = re.split(r"\s+(?:and|my|phone|number|with)\b", found[1], flags=re.IGNORECASE)[0]
    return words.strip() or None


_CALLED = re.compile(
    r"(?i:\b(?:my name is|the name is|name'?s|name is)) +([A-Za-z]+(?:[ -][A-Za-z]+){1,2}?)(?=[,.]| and\b| my\b|$)"
    r"|(?i:\b(?:it'?s|this is|i'?m|i am)) +([A-Z][a-z]+(?:[ -][A-Z][a-z]+){1,2})\b"
    r"|(?:이름은|성함은|이름이) ?([가-힣]{2,4}?)(?:이고요?|고요?|이에요|예요|입니다|인데요?|이라고|라고|,)"
    r"|([가-힣]{2,4}?)(?:이라고 |라고 )(?:합니다|해요|하는데)"
    r"|(?<![가-힣])([가-힣]{2,4}?)(?:이고요?|고요?),? ?(?:제 )?(?:전화|휴대폰|핸드폰|번호|이메일)"
)
"""A name that is said to be one, in a sentence that is about something else."""


def introduced(text: str) -> str:
    """What callers say of themselves beside a wish, for want of being known; "" where it is less than two details."""
    found = _CALLED.search(text)
    name = next((each for each in found.groups() if each), None) if found is not None else None
    name = name if name is None or name.isascii() or name[0] in _SURNAMES else None
    number = next((d for d in said_digits(text) if len(d) == 10 and not d.startswith("0")), None)
    told = [each for each in (phone_in(text), email_in(text), number) if each is not None]
    called = [] if name is None else [f"my name is {name}" if name.isascii() else f"이름은 {name}입니다"]
    return ", ".join([*called, *told]) if len(called) + len(told) > 1 else ""


def address_in(text: str) -> dict[str, str] | None:
    """Street, district, region and postcode, when all four were said."""
    # Written in one piece, and last: house and flat numbers side by side must not become one.
    written = _POSTCODE.findall(text)
    postcode = written[-1] if written else next((d for d in said_digits(text) if len(d) == 5), None)
    if postcode is None:
        return None
    found = _ADDRESS_KO.search(text)
    if found is not None:
        region = found["region"]
        address = {
            "line1": found["line1"].strip(),
            "city": found["city"].strip(),
            "region": _FULL_REGION.get(region.removesuffix("시"), region),
            "postcode": postcode,
        }
        flat = _FLAT.search(text[found.end("line1") :])
        return address | ({"line2": " ".join(g for g in flat.groups() if g)} if flat else {})
    if (without := _ADDRESS_KO_PLAIN.search(text)) is not None and (home := _region(postcode)) is not None:
        flat = _FLAT.search(text[without.end("line1") :])
        return {
            "line1": without["line1"].strip(),
            "city": without["city"].strip(),
            "region": home[0],
            "postcode": postcode,
        } | ({"line2": " ".join(g for g in flat.groups() if g)} if flat else {})
    found = _ADDRESS_EN.search(text) or _ADDRESS_EN_PLAIN.search(text)
    if not found:
        return _pieces_en(text, postcode)
    inside = (found["line2"] or "").strip(" ,")
    return {
        "line1": found["line1"].strip(),
        "city": found["city"].strip(),
        "region": _region_en(found["region"].strip(" ,"), postcode),
        "postcode": postcode,
    } | ({"line2": inside} if inside else {})


def _region(postcode: str) -> tuple[str, str] | None:
    """The region a postcode is in, in Korean and English."""
    return next(((ko, en) for last, ko, en in _REGIONS if int(postcode[:2]) <= last), None)


def _region_en(said: str, postcode: str) -> str:
    """The region as it was said; one that only sounds like where the postcode is ("Soil", 04036) is that one."""
    home = _region(postcode)
    return home[1] if home is not None and key(said) == key(home[1]) else said


def _pieces_en(text: str, postcode: str) -> dict[str, str] | None:
    """An address in English whose parts stand in any order: street and number, flat, district, region."""
    road, towns = _ROAD.search(text), _TOWN.findall(text)
    said = next((name for name in _REGION_EN if re.search(rf"\b{name}", text, re.IGNORECASE)), None)
    home = _region(postcode)
    region = said or (home[1] if home is not None else None)
    if road is None or not towns or region is None:
        return None
    rest = f"{text[: road.start()]}, {text[road.end() :]}"
    inside = ", ".join(m.group() for m in _INSIDE.finditer(rest) if any(c.isdigit() for c in m.group()))
    return {
        "line1": re.sub(r"\s+", " ", road.group().replace(",", "")).strip(),
        "city": ", ".join(dict.fromkeys(towns)),
        "region": region,
        "postcode": postcode,
    } | ({"line2": inside} if inside else {})


def without_address(text: str) -> str:
    """The sentence without streets and house numbers: none of these is the number of an order."""
    for pattern in (_ADDRESS_KO, _ADDRESS_EN, _ADDRESS_EN_PLAIN, _ROAD):
        text = pattern.sub(" ", text)
    return text

"""Penn Treebank tokens of captions, without Java.

Caption metrics are defined on the output of Stanford's PTBTokenizer (CoreNLP 3.4.1, ``-preserveLines -lowerCase``), from
which the COCO evaluation drops punctuation. This file follows that tokenizer's observed behaviour on English captions:
at every position the longest of a table of patterns wins, an earlier row on a tie, and some patterns look ahead. Left out,
because no caption has them: telephone numbers, Asian smileys and censored swear words.
"""

from __future__ import annotations

import re
from functools import lru_cache

# What the COCO evaluation drops: single marks, quotes, dashes, dots. It spells the brackets in upper case, but the tokenizer
# has written them in lower case, so `-lrb-` and its kin are kept as words; so are runs such as `!!`. Published scores
# contain both.
_DROPPED = re.compile(
    r"""[?!,:;]|['"`\u00b4]?['\u2019\u2018`]|["\u201c\u201d\u00ab\u00bb\u201b]|&(?:quot|apos|nbsp);|[.\s]+|-+|[\u2013\u2014]+|\u2026"""
)
_BRACKETS = str.maketrans({'(': '-lrb-', ')': '-rrb-', '[': '-lsb-', ']': '-rsb-', '{': '-lcb-', '}': '-rcb-'})
_SPELLED = {
    '&amp;': '&',
    '&lt;': '<',
    '&gt;': '>',
    '£': '#',
    '¢': 'cents',
    '€': '$',
    '¤': '$',
    '½': '1/2',
    '¼': '1/4',
    '¾': '3/4',
}

_CLITIC = re.compile(r"(?i:n?(?:['\u2019\u2018\u201b]|&apos;)(?:[msdt]|re|ve|ll))")
_QUOTES = re.compile(r"['\u2019\u2018\u201b]|&apos;")

_L = r'[^\W\d_¹²³¼½¾]'  # a letter
_LD = r'[^\W_¹²³¼½¾]'  # a letter or digit
_AP = r"(?:['\u2019]|&apos;)"
_APQ = r"(?:['\u2019`\u2018\u201b]|&apos;)"  # also signs that are wrongly used inside words
_WORD = rf'{_L}(?:{_LD}|[\u0300-\u036f])*(?:[.!?]{_L}(?:{_LD}|[\u0300-\u036f])*)*'
_NUMBER = r'(?:\d+(?:[.:,]\d+)*|(?:[.,]\d+)+)'
_PART = rf'(?:[dDoOlL]{_APQ}(?={_LD}))?(?:{_LD}+|{_NUMBER})'
_SLASHED = rf'{_LD}+(?:-{_L}+){{0,2}}'
_ACRONYM = r'[A-Za-z](?:\.[A-Za-z])+'

# A full stop stays with these. Names of American states that are words of their own must be capitalised.
_ABBREVIATIONS = (
    r'jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec|mon|tues?|wed|thu|thurs|fri|ala|ariz|calif|colo|conn|ct|dak|fla|ga|ind|'
    r'kans?|ky|md|mich|minn|mo|mont|neb|nev|okla|penn|tenn|va|vt|wisc?|wyo|inc|cos?|corp|pt[ye]s?|ppt[ye]s?|ltd|plc|rt|'
    r'bancorp|dept|bhd|assn|univ|intl|sys|tel|est|ext|sq|jr|sr|bros|ed\.d|ph\.d|blvd|rd|esq|mrs?|ms|drs?|profs?|sens?|reps?|'
    r'attys?|lt|col|gen|messrs|govs?|adm|rev|maj|sgt|cpl|pvt|capt|ste?|ave|pres|lieut|hon|brig|co?mdr|pfc|spc|supts?|det|mt|'
    r'ft|adj|adv|asst|assoc|ens|insp|mlle|mme|msgr|sfc|invt|elec|natl|m[ft]g|wm|jos|cie|cf|treas|ph|etc|al|seq|bldg|vs|'
    r'a\.k\.a|v'
)
_STATES = 'Az|AZ|Ark|ARK|Del|DEL|Ill|ILL|La|LA|Mass|MASS|Miss|MISS|Ore|ORE|Pa|PA|Tex|TEX|Wash|WASH'
_BEFORE_NUMBERS = 'ca|figs?|prop|nos?|art|op|pp'

# The token is the last group that matches; what follows it in a row must follow it in the text, and counts as length.
_TABLE = [
    rf'(?i:(can)not|({_AP}t)was)',
    rf'(?i:(?:({_AP}t)is|(gon)na|(wan)na|(got)ta|(lem)me|(gim)me|(more){_AP}n)(?!{_L})[\s\S])',
    r'(<[!?]?/?[A-Za-z][^<>]*>)',
    r'(&(?:amp|lt|gt|quot|nbsp);)',
    r'((?i:c\+\+|[cf]#))',
    rf'({_WORD})(?i:{_AP}(?:[msd]|re|ve|ll))',
    rf'({_WORD})',
    rf'(?i:([a-z]*[a-mo-z])n{_APQ}t)',
    rf'(?i:(n{_APQ}t))',
    rf"(?i:('(?:[msd]|re|ve|ll))(?!{_L})|((?!'){_AP}(?:[msd]|re|ve|ll)))",
    rf'(?i:({_AP}n{_AP}?|[ldj]{_AP}|dunkin{_AP}|somethin{_AP}|ol{_AP}|{_AP}em|{_AP}[2-9]0s|{_AP}till?|{_AP}cause))',
    r"(?i:(c'mon|e'er|s'mores|ev'ry|li'l|nor'easter))",
    rf'([A-HJ-XZn]{_APQ}{_L}{{2,}}|{_L}+[aeiouyAEIOUY]{_APQ}[aeiouA-Z]{_L}*)',
    rf'((?i:y){_AP})(?={_L})',
    rf'((?:[dDoOlL]{_APQ}(?={_LD}))?(?:{_LD}+|[-+]?{_NUMBER})(?:-{_PART})*)',
    rf'([-+]?{_NUMBER})',
    r'([A-Z]+(?:(?:[+&]|&amp;)[A-Z]+)+)',
    rf'({_SLASHED}(?:\\?/{_SLASHED}){{1,2}})',
    rf'({_LD}(?:{_LD}|[.,])*(?:-(?:{_LD}+|{_ACRONYM}\.))+)',
    rf'({_LD}+(?:[-_]{_LD}+)+)',
    r'((?:\d{1,4}[- ])?\d{1,4}\\?/\d{1,4})',
    r'(\d{1,2}[-/]\d{1,2}[-/]\d{2,4})',
    r'((?:ftp|https?)://[^\s<>|()]+[^\s<>|.!?,;:&"\'*()-])',
    r'(www\.(?:[^\s<>|.!?,()]+\.)+[a-zA-Z]{2,4}(?:/[^\s<>|()]+[^\s<>|.!?,;:&"()-])?)',
    r'((?:[^\s`<>|.!?,:/$()-]+\.)+(?:com|net|org|edu)(?:/[^\s<>|()]+[^\s<>|.!?,;:&"()-])?)',
    r'([A-Za-z0-9][^\s"<>|()]*@(?:[^\s"<>|().]+\.)*[^\s"<>|().,;:]+)',
    r'([@#][A-Za-z_]\w*)',
    rf'((?i:{_ABBREVIATIONS})\.)',
    rf'((?:{_STATES})\.)',
    r'([A-Za-z](?:\.[A-Za-z])*\.)',
    rf'((?i:{_BEFORE_NUMBERS})\.)\s?\d',
    r'([A-Z]*\$|[£¢€¤½¼¾])',
    r"([<>]?[:;=][-o*']?[()DPdpO\\{@|\[\]])[^A-Za-z]",
    rf'({_AP}\d\d)\s',
    r'(\.\.\.+|\.(?: \.){2,}|\u2026)',
    r'([?!]+)',
    r'(--+|[\u2013\u2014]+)',
    r'(@+|#+|_+|\*+)',
    r"(')[A-Za-z]{2}",
    r"(''|``|[\s\S])",
]
_RULES = [re.compile(row) for row in _TABLE]
_FIRST_WORD = re.compile(r'\s*(?:([A-Za-z]+)(?=\s))?')
_SPLIT_WORDS = frozenset(['cannot', 'gonna', 'wanna', 'gotta', 'lemme', 'gimme'])


def _pieces(text: str) -> list[str]:
    """The pieces into which the lexer cuts the text, unchanged."""
    text += '\n'  # patterns that look ahead see an end of line
    pieces, position = [], 0
    while True:
        plain = _FIRST_WORD.match(text, position)
        position = plain.end()
        if position >= len(text):
            return pieces
        if plain[1]:  # most words of a caption: letters up to a space
            word = plain[1]
            if word.lower() not in _SPLIT_WORDS:
                pieces.append(word)
                continue
            position = plain.start(1)
        best = None
        for rule in _RULES:
            match = rule.match(text, position)
            if match and (best is None or match.end() > best.end()):
                best = match
        pieces.append(best[best.lastindex])
        position = best.end(best.lastindex)


def _spell(token: str) -> str:
    """A token as the tokenizer writes it: clitics with a straight apostrophe, brackets by name, emoji dropped."""
    if token in _SPELLED:
        return _SPELLED[token]
    if _CLITIC.fullmatch(token):
        token = _QUOTES.sub("'", token)
    if len(token) == 1 and (token > '\uffff' or not token.isprintable()):
        return ''
    return token.replace('&amp;', '&').translate(_BRACKETS).lower()


@lru_cache(maxsize=1 << 17)
def ptb_tokens(caption: str) -> tuple[str, ...]:
    """Split a caption into lower-case words as the COCO caption evaluation does.

    Punctuation and soft hyphens are dropped, ``'s`` and ``n't`` are split off, hyphenated words stay whole.
    """
    words = [_spell(token) for token in _pieces(caption.replace('\u00ad', '')) if not _DROPPED.fullmatch(token)]
    return tuple(part for word in words for part in word.split())

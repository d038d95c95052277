import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities

from pipeline.tag_schemes import detect_scheme, ill_formed, is_tag, to_iob2

# The same four entities, PER(0-1) PER(2-2) LOC(3-3) ORG(5-7), in each scheme; the two PER touch.
IOB2 = ("B-PER", "I-PER", "B-PER", "B-LOC", "O", "B-ORG", "I-ORG", "I-ORG")
IOB1 = ("I-PER", "I-PER", "B-PER", "I-LOC", "O", "I-ORG", "I-ORG", "I-ORG")
BIOES = ("B-PER", "E-PER", "S-PER", "S-LOC", "O", "B-ORG", "I-ORG", "E-ORG")
BILOU = ("B-PER", "L-PER", "U-PER", "U-LOC", "O", "B-ORG", "I-ORG", "L-ORG")
BMEWO = ("B-PER", "E-PER", "W-PER", "W-LOC", "O", "B-ORG", "M-ORG", "E-ORG")


def tag_lists(prefixes):
    tags = st.builds("{}-{}".format, st.sampled_from(prefixes), st.sampled_from(["PER", "LOC"]))
    return st.lists(st.one_of(st.just("O"), tags), max_size=12)


def iob1_of(entities, length):
    """Reference writer: I- everywhere, B- where the word before belongs to another entity of the same type."""
    tags = ["O"] * length
    for kind, start, end in entities:
        touches = any(k == kind and e == start - 1 for k, _, e in entities)
        tags[start : end + 1] = [f"{'B' if touches else 'I'}-{kind}"] + [f"I-{kind}"] * (end - start)
    return tags


def bioes_of(entities, length):
    """Reference writer: S- for one word, otherwise B- I-... E-."""
    tags = ["O"] * length
    for kind, start, end in entities:
        inner = [f"I-{kind}"] * (end - start - 1)
        tags[start : end + 1] = [f"S-{kind}"] if start == end else [f"B-{kind}", *inner, f"E-{kind}"]
    return tags


# --- hand values ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tags", "scheme"), [(IOB1, "iob1"), (IOB2, "iob2"), (BIOES, "bioes"), (BILOU, "bioes"), (BMEWO, "bioes")]
)
def test_every_scheme_is_detected_and_becomes_the_same_iob2(tags, scheme):
    assert detect_scheme([tags]) == scheme
    assert to_iob2(tags, scheme) == IOB2


def test_scheme_is_decided_over_all_sentences_together():
    undecided = ("O", "O")
    assert detect_scheme([undecided, ("I-PER", "O"), ("I-PER", "B-PER")]) == "iob1"
    assert detect_scheme([("I-PER", "O"), ("B-PER",)]) == "iob2"  # B- after nothing: not iob1
    assert detect_scheme([("I-PER",), ("B-PER", "I-PER"), ("O", "E-LOC")]) == "bioes"


def test_noisy_iob2_is_not_mistaken_for_iob1():
    """Corrupted iob2 has entities that start with I-, as iob1 does, but also B- where iob1 has none."""
    assert detect_scheme([("I-PER", "O", "B-LOC", "I-PER")]) == "iob2"
    assert detect_scheme([("I-PER", "B-LOC")]) == "iob2"


def test_a_corpus_of_i_alone_is_iob1():
    tags = ("I-PER", "I-PER", "O", "I-LOC")
    assert detect_scheme([tags]) == "iob1"
    assert to_iob2(tags, "iob1") == ("B-PER", "I-PER", "O", "B-LOC")


def test_a_corpus_without_entities_is_iob2():
    assert detect_scheme([]) == detect_scheme([("O", "O")]) == "iob2"


def test_noise_in_iob2_is_kept_word_for_word():
    tags = ("I-PER", "O", "I-LOC", "I-PER", "B-PER")
    assert to_iob2(tags, "iob2") == tags


def test_noise_in_bioes_keeps_its_entities():
    # An inside tag after an entity that ended is a second entity; after O it stays ill-formed.
    assert to_iob2(("S-PER", "I-PER", "E-PER", "E-PER"), "bioes") == ("B-PER", "B-PER", "I-PER", "B-PER")
    assert to_iob2(("O", "E-PER", "S-LOC", "I-PER"), "bioes") == ("O", "I-PER", "B-LOC", "I-PER")


def test_types_may_hold_hyphens():
    assert to_iob2(("I-product-car", "I-product-car"), "iob1") == ("B-product-car", "I-product-car")


def test_ill_formed_positions():
    assert ill_formed(()) == ill_formed(IOB2) == []
    assert ill_formed(("I-PER", "I-PER", "O", "I-PER", "B-LOC", "I-PER", "I-PER")) == [0, 3, 5]


# --- properties -------------------------------------------------------------------------------------------------------


@given(tag_lists("BIES"))
def test_bioes_keeps_the_entities_that_conlleval_reads(tags):
    assert get_entities(list(to_iob2(tags, "bioes"))) == get_entities(tags)


@given(tag_lists("BI"))
def test_iob1_keeps_the_entities_that_conlleval_reads(tags):
    converted = to_iob2(tags, "iob1")
    assert get_entities(list(converted)) == get_entities(tags)
    assert ill_formed(converted) == []


@given(tag_lists("BI"))
def test_every_scheme_writes_what_it_reads(tags):
    """Write the entities of some tags by independent rules in iob1 and bioes: both must come back as one iob2."""
    entities = get_entities(tags)
    wanted = to_iob2(tags, "iob1")  # well-formed, and the entities are those of `tags` (see above)
    assert to_iob2(iob1_of(entities, len(tags)), "iob1") == wanted
    assert to_iob2(bioes_of(entities, len(tags)), "bioes") == wanted


@given(tag_lists("BIES"), st.sampled_from(["iob1", "iob2", "bioes"]))
def test_conversion_never_changes_a_type(tags, scheme):
    assert [tag[2:] for tag in to_iob2(tags, scheme)] == [tag[2:] for tag in tags]


@given(tag_lists("BI"))
def test_iob2_is_a_fixed_point(tags):
    converted = to_iob2(tags, "iob1")
    assert to_iob2(converted, "iob2") == to_iob2(converted, "bioes") == converted


@given(tag_lists("BI"))
def test_the_ill_formed_are_the_entities_that_start_with_i(tags):
    starts = [start for _, start, _ in get_entities(tags)]
    assert ill_formed(tags) == [start for start in starts if tags[start][0] == "I"]


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tag", ["", "o", "OO", "O-", "O-PER", "B", "B-", "B_PER", "BPER", "b-PER", "X-PER", "-PER"])
def test_what_is_no_tag_in_any_scheme(tag):
    assert not is_tag(tag)


@pytest.mark.parametrize("tag", ["B- ", "B- PER", "B-PER\n"])
def test_a_type_has_no_space_around_it(tag):
    assert not is_tag(tag)


@pytest.mark.parametrize("prefix", "ESLUWM")
def test_only_bioes_allows_its_prefixes(prefix):
    tag = f"{prefix}-PER"
    assert is_tag(tag)
    assert is_tag(tag, "bioes")
    assert not is_tag(tag, "iob2")
    assert not is_tag(tag, "iob1")


def test_conversion_needs_a_scheme():
    with pytest.raises(ValueError, match="scheme must be iob1, iob2 or bioes, got 'auto'"):
        to_iob2(("O",), "auto")

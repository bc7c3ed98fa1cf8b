//! One document step by step.
//!
//! ```text
//! <a x="1">b&amp;c<d/></a>
//! Open(a) Text("b") Character('&') Text("c") Open(d) Close Close End
//! ```
//!
//! Text, end tags and start tags without attributes, which are nearly everything, are taken here: quick-xml checks each
//! again to be UTF-8, copies names and moves large events. Whatever is less plain is quick-xml's.

use super::escape::resolve;
use super::tag::Tag;
use super::{MAX_DEPTH, XmlError, is_allowed};
use quick_xml::Reader;
use quick_xml::errors::{Error, IllFormedError, SyntaxError};
use quick_xml::events::Event;
use std::borrow::Cow;
use std::io::BufRead;

/// What comes next. Comments, processing instructions and the declaration are passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step<'a> {
    /// A start tag; an empty element gives `Open` and `Close`.
    Open(Tag<'a>),
    /// A piece of character data; several may follow each other.
    Text(Cow<'a, str>),
    /// What a reference stands for, among character data.
    Character(char),
    Close,
    /// The document is complete.
    End,
}

/// What quick-xml has just read.
enum Kind {
    Start { name_len: usize },
    Empty { name_len: usize },
    Text,
    CData,
    Reference,
}

/// Walks one document.
pub struct Walker<'a> {
    reader: Reader<&'a [u8]>,
    text: &'a str,
    /// The names of the elements that are open.
    open: Vec<&'a str>,
    root_seen: bool,
    /// The element just opened was `<empty/>`.
    close_next: bool,
    /// No character of the text needs a look: neither a CR nor one that XML does not allow.
    plain: bool,
}

impl<'a> Walker<'a> {
    /// Begins at the start of `text`, which may be at most `max_bytes` long.
    pub fn new(text: &'a str, max_bytes: usize) -> Result<Self, XmlError> {
        if text.len() > max_bytes {
            return Err(XmlError::TooLarge { size: text.len(), max: max_bytes });
        }
        // quick-xml would pass over a byte order mark without counting it.
        let text = text.trim_start_matches('\u{feff}');
        let mut reader = Reader::from_str(text);
        reader.config_mut().check_end_names = false;
        let open = Vec::with_capacity(8);
        Ok(Walker { reader, text, open, root_seen: false, close_next: false, plain: is_plain(text) })
    }

    /// The text being walked.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// How many elements are open.
    pub fn depth(&self) -> usize {
        self.open.len()
    }

    /// The byte after the last step.
    pub fn position(&self) -> usize {
        self.reader.buffer_position() as usize
    }

    /// The next step. After `End` and after an error there is nothing more to ask for, but for the errors that
    /// [`XmlError::is_character`] names.
    // Not an `Iterator`: the end is a step, and errors end the walk.
    #[allow(clippy::should_implement_trait)]
    #[inline(always)]
    pub fn next(&mut self) -> Result<Step<'a>, XmlError> {
        if self.close_next {
            self.close_next = false;
            self.open.pop();
            return Ok(Step::Close);
        }
        loop {
            let at = self.position();
            if let Some(name) = self.open.last() {
                if let Some((start, raw, after)) = character_data(self.text, at) {
                    self.reader.stream().consume(after - at);
                    return self.characters(start, raw);
                }
                if self.text.as_bytes()[at..].starts_with(b"</") {
                    let after = end_tag(self.text, at, name)?;
                    self.reader.stream().consume(after - at);
                    self.open.pop();
                    return Ok(Step::Close);
                }
                if let Some(name_len) = plain_tag(&self.text.as_bytes()[at..]) {
                    self.reader.stream().consume(name_len + "<>".len());
                    return self.open(at, &self.text[at + 1..at + 1 + name_len], name_len);
                }
            }
            // Only the kind is taken: an event is large, and moving it costs as much as reading it.
            let kind = match self.reader.read_event() {
                Ok(Event::Start(tag)) => Kind::Start { name_len: tag.name().0.len() },
                Ok(Event::Empty(tag)) => Kind::Empty { name_len: tag.name().0.len() },
                Ok(Event::End(_)) => return Err(XmlError::NotWellFormed { at, reason: NO_ELEMENT }),
                Ok(Event::Text(_)) => Kind::Text,
                Ok(Event::CData(_)) => Kind::CData,
                Ok(Event::GeneralRef(_)) => Kind::Reference,
                Ok(Event::Decl(_) | Event::PI(_) | Event::Comment(_)) => continue,
                Ok(Event::DocType(_)) => return Err(XmlError::Doctype { at }),
                Ok(Event::Eof) => return self.end(),
                Err(error) => return Err(self.refused(error)),
            };
            let raw = &self.text[at..self.position()];
            if let Kind::Start { name_len } | Kind::Empty { name_len } = kind
                && !raw.as_bytes()[1..=name_len].iter().all(|byte| is_of_a_name(*byte))
            {
                return Err(XmlError::NotWellFormed { at, reason: "a tag whose name is none" });
            }
            match kind {
                Kind::Start { name_len } => return self.open(at, &raw[1..raw.len() - 1], name_len),
                Kind::Empty { name_len } => {
                    self.close_next = true;
                    return self.open(at, &raw[1..raw.len() - 2], name_len);
                }
                Kind::Text if self.open.is_empty() && raw.trim_ascii().is_empty() => {}
                Kind::CData => return Err(outside(at)),
                Kind::Text | Kind::Reference if self.open.is_empty() => return Err(outside(at)),
                Kind::Text => return self.characters(at, raw),
                Kind::Reference => return Ok(Step::Character(resolve(&raw[1..raw.len() - 1], at)?)),
            }
        }
    }

    #[inline(always)]
    fn open(&mut self, at: usize, content: &'a str, name_len: usize) -> Result<Step<'a>, XmlError> {
        if self.open.is_empty() && self.root_seen {
            return Err(XmlError::NotWellFormed { at, reason: "a second document element" });
        }
        if name_len == 0 {
            return Err(XmlError::NotWellFormed { at, reason: "a tag without a name" });
        }
        if self.open.len() == MAX_DEPTH {
            return Err(XmlError::TooDeep { at });
        }
        if !self.plain {
            check_allowed(at + 1, content)?;
        }
        self.root_seen = true;
        self.open.push(&content[..name_len]);
        Ok(Step::Open(Tag { content, name_len, at: at + 1 }))
    }

    /// A piece of character data, with line ends as XML 1.0 section 2.11 has them.
    #[inline(always)]
    fn characters(&self, at: usize, raw: &'a str) -> Result<Step<'a>, XmlError> {
        if self.plain || is_plain(raw) {
            return Ok(Step::Text(Cow::Borrowed(raw)));
        }
        check_allowed(at, raw)?;
        Ok(Step::Text(Cow::Owned(raw.replace("\r\n", "\n").replace('\r', "\n"))))
    }

    #[cold]
    fn end(&self) -> Result<Step<'a>, XmlError> {
        match (self.open.len(), self.root_seen) {
            (0, true) => Ok(Step::End),
            (0, false) => Err(XmlError::Empty),
            (open, _) => Err(XmlError::Unfinished { at: self.text.len(), open }),
        }
    }

    #[cold]
    fn refused(&self, error: Error) -> XmlError {
        let at = self.reader.error_position() as usize;
        let reason = match error {
            Error::Syntax(SyntaxError::UnclosedCData) => "a CDATA section without its end",
            Error::Syntax(SyntaxError::UnclosedComment) => "a comment without its end",
            Error::Syntax(SyntaxError::UnclosedDoctype) => return XmlError::Doctype { at },
            Error::Syntax(SyntaxError::UnclosedPI | SyntaxError::UnclosedXmlDecl) => "<? without its end",
            Error::Syntax(SyntaxError::InvalidBangMarkup) => "markup that is not XML",
            Error::Syntax(_) => "a tag without its end",
            Error::IllFormed(
                IllFormedError::MismatchedEndTag { .. } | IllFormedError::UnmatchedEndTag(_),
            ) => NO_ELEMENT,
            Error::IllFormed(IllFormedError::UnclosedReference) => "an ampersand that begins no reference",
            Error::IllFormed(IllFormedError::MissingDoctypeName) => return XmlError::Doctype { at },
            _ => "malformed markup",
        };
        XmlError::NotWellFormed { at, reason }
    }
}

const NO_ELEMENT: &str = "an end tag without its element";

fn outside(at: usize) -> XmlError {
    XmlError::NotWellFormed { at, reason: "text outside the document element" }
}

/// The character data that begins at `at`, if there is any and its end is found: where it starts, itself, and where what
/// follows starts.
#[inline(always)]
fn character_data(text: &str, at: usize) -> Option<(usize, &str, usize)> {
    match text.as_bytes()[at..] {
        [b'<', b'!', b'[', b'C', b'D', b'A', b'T', b'A', b'[', ..] => section(text, at),
        [b'<' | b'&', ..] => None,
        ref rest => {
            let end = at + memchr::memchr2(b'<', b'&', rest)?;
            Some((at, &text[at..end], end))
        }
    }
}

/// Where the end tag at `at` ends, which must be that of `name`.
#[inline(always)]
fn end_tag(text: &str, at: usize, name: &str) -> Result<usize, XmlError> {
    let rest = &text.as_bytes()[at + "</".len()..];
    let end = at + "</".len() + name.len();
    if rest.starts_with(name.as_bytes()) && text.as_bytes().get(end) == Some(&b'>') {
        return Ok(end + 1);
    }
    let reason = match memchr::memchr(b'>', rest) {
        Some(end) if rest[..end].trim_ascii_end() == name.as_bytes() => return Ok(at + "</".len() + end + 1),
        Some(_) => "an end tag of another element",
        None => "a tag without its end",
    };
    Err(XmlError::NotWellFormed { at, reason })
}

/// Whether a name may have this byte: of ASCII, what XML 1.0 section 2.3 has; of all else, anything.
fn is_of_a_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte) || !byte.is_ascii()
}

/// The length of the name where a start tag is nothing but a name of ASCII letters.
#[inline(always)]
fn plain_tag(rest: &[u8]) -> Option<usize> {
    let name = rest.strip_prefix(b"<")?;
    let len = name.iter().position(|b| !(b.is_ascii() && is_of_a_name(*b)))?;
    (len > 0 && name[len] == b'>').then_some(len)
}

fn section(text: &str, at: usize) -> Option<(usize, &str, usize)> {
    let start = at + "<![CDATA[".len();
    let mut brackets = memchr::memchr_iter(b']', &text.as_bytes()[start..]);
    let end = start + brackets.find(|found| text.as_bytes()[start + found..].starts_with(b"]]>"))?;
    Some((start, &text[start..end], end + "]]>".len()))
}

/// Neither a CR nor a character that XML does not allow. U+FFFE and U+FFFF begin with 0xEF, which no Latin-1 text has.
fn is_plain(text: &str) -> bool {
    text.bytes().fold(true, |plain, b| plain & !((b < 0x20 && b != b'\t' && b != b'\n') || b == 0xEF))
}

#[cold]
fn check_allowed(at: usize, text: &str) -> Result<(), XmlError> {
    match text.char_indices().find(|(_, c)| !is_allowed(*c)) {
        Some((offset, c)) => Err(XmlError::IllegalCharacter { at: at + offset, character: c.into() }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The steps in short: `a{` for Open, `}` for Close, the text itself, or the error.
    fn walk(text: &str, max_bytes: usize) -> Result<String, XmlError> {
        let mut walker = Walker::new(text, max_bytes)?;
        let mut steps = String::new();
        loop {
            match walker.next()? {
                Step::Open(tag) => steps.extend([tag.local(), if tag.is_nil()? { "=nil{" } else { "{" }]),
                Step::Text(text) => steps.push_str(&text),
                Step::Character(c) => steps.push(c),
                Step::Close => steps.push('}'),
                Step::End => return Ok(steps),
            }
        }
    }

    fn check(text: &str, expected: &str) {
        let steps = walk(text, 1 << 20).unwrap_or_else(|error| error.to_string());
        assert_eq!(steps, expected, "{text}");
    }

    #[test]
    fn well_formed_documents_are_walked() {
        check("<a/>", "a{}");
        check("\r\n<?xml version='1.0'?>\n<a>b</a>\n", "a{b}");
        check("<x:a y:nil='true'/>", "a=nil{}");
        check("<a nil='1'></a>", "a=nil{}");
        check("<a nil='false' xsi:nil='true'/>", "a{}");
        check("<a b='>'>x</a >", "a{x}");
        check("<a>&lt;&#230;&#xE6;&quot;</a>", "a{<ææ\"}");
        check("<a><![CDATA[<b>&amp;]]><![CDATA[</b>]]></a>", "a{<b>&amp;</b>}");
        check("<a>x<!-- < & -- -->y<?pi?>z</a>", "a{xyz}");
        check("<a>1\r\n2\r3\n</a>", "a{1\n2\n3\n}");
        check("<a>\u{f000}ø</a>", "a{\u{f000}ø}");
    }

    #[test]
    fn what_is_not_well_formed_is_refused_with_its_place() {
        check("", "there is no element");
        check("  ", "there is no element");
        check("<a>", "the document ends at byte 3 with 1 elements open");
        check("<a", "not well-formed at byte 0: a tag without its end");
        check("<a b='", "not well-formed at byte 0: a tag without its end");
        check("<a></b>", "not well-formed at byte 3: an end tag of another element");
        check("</a>", "not well-formed at byte 0: an end tag without its element");
        check("<a></a></a>", "not well-formed at byte 7: an end tag without its element");
        check("<a></a", "not well-formed at byte 3: a tag without its end");
        check("<a></ab>", "not well-formed at byte 3: an end tag of another element");
        check("<ab></a>", "not well-formed at byte 4: an end tag of another element");
        check("<a/><b/>", "not well-formed at byte 4: a second document element");
        check("x<a/>", "not well-formed at byte 0: text outside the document element");
        check("<a/>&lt;", "not well-formed at byte 4: text outside the document element");
        check("<a/><![CDATA[]]>", "not well-formed at byte 4: text outside the document element");
        check("<a>&</a>", "not well-formed at byte 3: an ampersand that begins no reference");
        check("<a><![CDATA[x</a>", "not well-formed at byte 3: a CDATA section without its end");
        check("<a><!-- x</a>", "not well-formed at byte 3: a comment without its end");
        check("<a><!x></a>", "not well-formed at byte 3: markup that is not XML");
        check("<a b/>", "not well-formed at byte 1: an attribute without quotes or value");
        check("\u{feff}\u{feff}<a>ø</a>", "a{ø}");
        check("<a nil=true/>", "not well-formed at byte 1: an attribute without quotes or value");
        check("< a/>", "not well-formed at byte 0: a tag without a name");
        check("<a=b/>", "not well-formed at byte 0: a tag whose name is none");
        check("<a:\"b\"</c/>", "not well-formed at byte 0: a tag whose name is none");
        check("<a><b<c>1</b<c></a>", "not well-formed at byte 3: a tag whose name is none");
        check("<bær-2.x_y:ø/>", "ø{}");
    }

    #[test]
    fn entities_and_characters_are_bounded() {
        check("<!DOCTYPE a><a/>", "DOCTYPE at byte 0 is refused");
        check("<!DOCTYPE a [<!ENTITY x 'y'><!ENTITY z '&x;&x;'>]><a>&z;</a>", "DOCTYPE at byte 0 is refused");
        check("<!DOCTYPE a [<!ENTITY x", "DOCTYPE at byte 0 is refused");
        check("<a>&nbsp;</a>", "unknown entity at byte 3");
        check("<a>&#0;</a>", "a reference at byte 3 names no character that XML allows");
        check("<a nil='&#0;'/>", "a reference at byte 1 names no character that XML allows");
        check("<a>x\0</a>", "U+0000 at byte 4 is not allowed in XML");
        check("<a b='\u{8}'/>", "U+0008 at byte 6 is not allowed in XML");
        check("<a><![CDATA[\u{ffff}]]></a>", "U+FFFF at byte 12 is not allowed in XML");
    }

    #[test]
    fn depth_and_size_are_bounded() {
        let deep = |n: usize| "<a>".repeat(n) + &"</a>".repeat(n);
        assert!(walk(&deep(MAX_DEPTH), 1 << 20).is_ok());
        assert_eq!(walk(&deep(MAX_DEPTH + 1), 1 << 20), Err(XmlError::TooDeep { at: 3 * MAX_DEPTH }));
        assert_eq!(walk(&"<a>".repeat(1 << 18), 1 << 20), Err(XmlError::TooDeep { at: 3 * MAX_DEPTH }));
        assert_eq!(walk("<a/>", 3), Err(XmlError::TooLarge { size: 4, max: 3 }));
    }

    /// The same in short by quick-xml alone, without what it does not check.
    fn bare_walk(text: &str) -> Option<String> {
        let mut reader = Reader::from_str(text);
        let mut steps = String::new();
        loop {
            match reader.read_event().ok()? {
                Event::Start(tag) => steps.extend([tag.local_name().as_ref(), "{"]),
                Event::Empty(tag) => steps.extend([tag.local_name().as_ref(), "{}"]),
                Event::End(_) => steps.push('}'),
                Event::Text(text) => steps.push_str(&text),
                Event::CData(text) => steps.push_str(&text),
                Event::GeneralRef(reference) => steps.push(resolve(&reference, 0).ok()?),
                Event::Eof => return Some(steps),
                _ => {}
            }
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_walk_panic(text in "([<>/!?&;='\"a-c\\[\\]\r\n -]|<a>|</a>|<!\\[CDATA\\[|\\]\\]>|\\PC){0,60}") {
            let _ = walk(&text, 1 << 20);
        }

        #[test]
        fn what_is_accepted_is_what_quick_xml_reads(
            parts in prop::collection::vec(prop::sample::select(vec![
                "<a>", "</a>", "<b x='>'>", "</b >", "<c/>", "</a", "<", ">", "&lt;", "&", "x", " ", "<![CDATA[<a>]]>", "]]>",
                "<!-- </a> -->", "<?p?>",
            ]), 0..12),
        ) {
            let text = format!("<r>{}</r>", parts.concat());
            if let Ok(steps) = walk(&text, 1 << 20) {
                prop_assert_eq!(Some(steps), bare_walk(&text));
            }
        }
    }
}

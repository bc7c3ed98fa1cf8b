//! The elements of a document as one flat list over one buffer.
//!
//! ```text
//! <user><id>a</id><phone xsi:nil="true"/></user>
//! 0 user   1 id "a"   1 phone nil
//! ```
//!
//! The buffer is a copy of the raw text, so most names and values are ranges of it and cost nothing; only values made of
//! several pieces or with references are put together beside it.

use super::tag::Tag;
use super::walk::{Step, Walker};
use super::{MAX_DEPTH, XmlError, local};
use crate::wire::Field;
use std::borrow::Cow;

/// One element, and all below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    raw: String,
    composed: String,
    nodes: Vec<Node>,
}

/// Ranges are bytes of `raw`, values of `composed` where they are composed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Node {
    tag_start: u32,
    tag_len: u32,
    value_start: u32,
    value_len: u32,
    name_len: u32,
    depth: u8,
    nil: bool,
    composed: bool,
    has_children: bool,
}

impl Tree {
    /// Parses a whole document of at most `max_bytes`.
    pub fn parse(text: &str, max_bytes: usize) -> Result<Tree, XmlError> {
        let mut walker = Walker::new(text, max_bytes)?;
        let Step::Open(tag) = walker.next()? else { return Err(XmlError::Empty) };
        let tree = Tree::below(&mut walker, tag)?;
        walker.next().map(|_end| tree)
    }

    /// The element that `walker` has just opened, up to its end.
    pub fn below(walker: &mut Walker<'_>, tag: Tag<'_>) -> Result<Tree, XmlError> {
        let mut builder = TreeBuilder::new(walker.text(), tag)?;
        while builder.depth > 0 {
            match walker.next()? {
                Step::Open(tag) => builder.open(tag)?,
                Step::Text(text) => builder.text(text),
                Step::Character(character) => builder.character(character),
                Step::Close => builder.close(),
                Step::End => return Err(XmlError::Unfinished { at: walker.position(), open: builder.depth }),
            }
        }
        Ok(builder.finish(walker.position()))
    }

    /// The element that holds all others.
    pub fn root(&self) -> Element<'_> {
        Element { tree: self, index: 0 }
    }
}

/// An element of a [`Tree`].
#[derive(Debug, Clone, Copy)]
pub struct Element<'a> {
    tree: &'a Tree,
    index: usize,
}

impl<'a> Element<'a> {
    fn node(&self) -> &'a Node {
        &self.tree.nodes[self.index]
    }

    /// The name without its prefix.
    pub fn name(&self) -> &'a str {
        let node = self.node();
        local(slice(&self.tree.raw, node.tag_start, node.name_len))
    }

    /// The text, trimmed of nothing; empty where there are elements below.
    pub fn text(&self) -> &'a str {
        let node = self.node();
        let buffer = if node.composed { &self.tree.composed } else { &self.tree.raw };
        slice(buffer, node.value_start, node.value_len)
    }

    /// Nil, or the text (empty where there are elements below).
    pub fn field(&self) -> Field<&'a str> {
        if self.node().nil { Field::Nil } else { Field::Value(self.text()) }
    }

    /// Whether there are elements below.
    pub fn has_children(&self) -> bool {
        self.node().has_children
    }

    /// How far below the root; the root is 0.
    pub fn depth(&self) -> usize {
        self.node().depth.into()
    }

    /// The first attribute of that local name.
    pub fn attribute(&self, name: &str) -> Option<Cow<'a, str>> {
        let node = self.node();
        let content = slice(&self.tree.raw, node.tag_start, node.tag_len);
        let tag = Tag { content, name_len: node.name_len as usize, at: 0 };
        tag.attribute(name).expect("attributes were read when the tree was built")
    }

    /// All elements below, in document order.
    pub fn descendants(&self) -> impl Iterator<Item = Element<'a>> + use<'a> {
        let (tree, depth) = (self.tree, self.node().depth);
        let below = tree.nodes[self.index + 1..].iter().take_while(move |node| node.depth > depth);
        (self.index + 1..).zip(below).map(move |(index, _)| Element { tree, index })
    }

    /// The elements directly below.
    pub fn children(&self) -> impl Iterator<Item = Element<'a>> + use<'a> {
        let depth = self.depth() + 1;
        self.descendants().filter(move |element| element.depth() == depth)
    }

    /// The elements at a path of local names, `address/stateOrProvince`, in document order.
    pub fn all<'p>(&self, path: &'p str) -> impl Iterator<Item = Element<'a>> + use<'a, 'p> {
        let above = self.depth();
        let last = path.split('/').count() - 1;
        let mut matched = 0;
        self.descendants().filter(move |element| {
            let level = element.depth() - above - 1;
            matched = matched.min(level);
            let is_next = level == matched && path.split('/').nth(level) == Some(element.name());
            if is_next && level < last {
                matched += 1;
            }
            is_next && level == last
        })
    }

    /// The first element at a path.
    pub fn find(&self, path: &str) -> Option<Element<'a>> {
        self.all(path).next()
    }
}

fn slice(buffer: &str, start: u32, len: u32) -> &str {
    &buffer[start as usize..(start + len) as usize]
}

/// Collects the steps of one element.
struct TreeBuilder<'a> {
    source: &'a str,
    base: usize,
    composed: String,
    nodes: Vec<Node>,
    open: [u32; MAX_DEPTH],
    depth: usize,
}

impl<'a> TreeBuilder<'a> {
    fn new(source: &'a str, root: Tag<'_>) -> Result<Self, XmlError> {
        if u32::try_from(source.len()).is_err() {
            return Err(XmlError::TooLarge { size: source.len(), max: u32::MAX as usize });
        }
        let nodes = Vec::with_capacity(32);
        let (base, composed) = (root.at, String::new());
        let mut builder = TreeBuilder { source, base, composed, nodes, open: [0; MAX_DEPTH], depth: 0 };
        builder.open(root)?;
        Ok(builder)
    }

    #[inline]
    fn open(&mut self, tag: Tag<'_>) -> Result<(), XmlError> {
        if self.depth > 0 {
            let parent = self.top();
            (parent.has_children, parent.value_len) = (true, 0);
        }
        self.open[self.depth] = self.nodes.len() as u32;
        self.nodes.push(Node {
            tag_start: (tag.at - self.base) as u32,
            tag_len: tag.content.len() as u32,
            value_start: 0,
            value_len: 0,
            name_len: tag.name_len as u32,
            depth: self.depth as u8,
            nil: tag.is_nil()?,
            composed: false,
            has_children: false,
        });
        self.depth += 1;
        Ok(())
    }

    fn close(&mut self) {
        self.depth -= 1;
    }

    fn top(&mut self) -> &mut Node {
        &mut self.nodes[self.open[self.depth - 1] as usize]
    }

    /// A borrowed piece is a part of the source, which makes its place known.
    fn text(&mut self, text: Cow<'_, str>) {
        let start = text.as_ptr() as usize;
        let source = self.source.as_ptr() as usize + self.base;
        let node = self.top();
        match text {
            _ if node.has_children => {}
            Cow::Borrowed(text) if node.value_len == 0 => {
                let start = start - source;
                (node.composed, node.value_start, node.value_len) = (false, start as u32, text.len() as u32);
            }
            text => self.compose(&text),
        }
    }

    fn character(&mut self, character: char) {
        if !self.top().has_children {
            self.compose(character.encode_utf8(&mut [0; 4]));
        }
    }

    /// Adds a piece to a value that is more than one range of the source.
    fn compose(&mut self, piece: &str) {
        let source = &self.source[self.base..];
        let end = self.composed.len() as u32;
        let node = &mut self.nodes[self.open[self.depth - 1] as usize];
        if !node.composed {
            self.composed.push_str(slice(source, node.value_start, node.value_len));
            (node.composed, node.value_start) = (true, end);
        }
        self.composed.push_str(piece);
        node.value_len = self.composed.len() as u32 - node.value_start;
    }

    fn finish(mut self, end: usize) -> Tree {
        // Many small elements must not hold much more than they are.
        if self.nodes.len() * 2 < self.nodes.capacity() {
            self.nodes.shrink_to_fit();
        }
        Tree { raw: self.source[self.base..end].to_owned(), composed: self.composed, nodes: self.nodes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::xml::escape;
    use proptest::prelude::*;

    const DOCUMENT: &str = "<r a='&lt;1&gt;' x:b=\"2\"> <id>a</id><n:id>b</n:id>\n<p><q>1</q><q/></p><p><q>&#50;</q></p>\
        <t> x<![CDATA[<y>]]>&amp;<!-- -->z </t><nil xsi:nil='1'>gone</nil><e></e><m>a&lt;<c/>b&gt;</m></r>";

    fn check(path: &str, expected: &[Field<&str>]) {
        let tree = Tree::parse(DOCUMENT, 1000).expect("the sample is well-formed");
        let found: Vec<_> = tree.root().all(path).map(|element| element.field()).collect();
        assert_eq!(found, expected, "{path}");
    }

    #[test]
    fn elements_are_found_by_their_path() {
        check("id", &[Field::Value("a"), Field::Value("b")]);
        check("p/q", &[Field::Value("1"), Field::Value(""), Field::Value("2")]);
        check("p", &[Field::Value(""), Field::Value("")]);
        check("t", &[Field::Value(" x<y>&z ")]);
        check("nil", &[Field::Nil]);
        check("e", &[Field::Value("")]);
        check("m", &[Field::Value("")]);
        check("m/c", &[Field::Value("")]);
        for absent in ["q", "r", "id/q", "p/q/z", "", "/", "p/"] {
            check(absent, &[]);
        }
    }

    #[test]
    fn attributes_are_found_by_their_local_name() {
        let tree = Tree::parse(DOCUMENT, 1000).expect("the sample is well-formed");
        assert_eq!(tree.root().attribute("a").as_deref(), Some("<1>"));
        assert_eq!(tree.root().attribute("b").as_deref(), Some("2"));
        assert_eq!(tree.root().attribute("c"), None);
        assert_eq!(tree.root().children().map(|e| e.name()).collect::<String>(), "ididpptnilem");
    }

    #[test]
    fn what_follows_the_root_is_looked_at() {
        assert!(Tree::parse("<a/><b/>", 100).is_err());
        assert!(Tree::parse("<a><b></a>", 100).is_err());
        assert_eq!(Tree::parse("", 100), Err(XmlError::Empty));
        assert_eq!(Tree::parse("<a/>", 3), Err(XmlError::TooLarge { size: 4, max: 3 }));
    }

    proptest! {
        #[test]
        fn any_text_survives_being_written_and_read(text in any::<String>(), attribute in any::<String>()) {
            let mut document = String::from("<a b=\"");
            escape::push_attribute(&mut document, &attribute);
            document.push_str("\"><c>");
            escape::push_text(&mut document, &text);
            document.push_str("</c></a>");
            let tree = Tree::parse(&document, 1 << 20).expect("what is written is well-formed");
            let allowed = |text: &str| text.replace(|c| !crate::wire::xml::is_allowed(c), "\u{fffd}");
            let written = tree.root().attribute("b").map(Cow::into_owned);
            prop_assert_eq!(written, Some(allowed(&attribute)));
            prop_assert_eq!(tree.root().find("c").map(|e| e.text().to_owned()), Some(allowed(&text)));
        }
    }
}

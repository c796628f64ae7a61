//! Where in a text the value or key of a path stands. Run only when there is something to point at: one pass over the text, which is known to be JSON,
//! for all paths together; what no path leads into is skipped without being read. Knows nothing of findings.

use std::collections::HashMap;

/// One step down from a value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    Key(Box<str>),
    Index(usize),
}

/// What to point at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// The value; of a key that stands more than once the last, and of one that does not stand there what it should stand in.
    Value,
    /// The key itself where it stands the nth time in its object; beyond the last the last.
    Name(usize),
}

/// What is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) steps: Vec<Step>,
    pub(crate) target: Target,
}

/// Line and column, in characters, each from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) line: u32,
    pub(crate) column: u32,
}

/// The place of each spot in a JSON text.
pub(crate) fn places(text: &str, spots: &[Spot]) -> Vec<Place> {
    let mut trie = Trie::default();
    let ways: Vec<Vec<usize>> = spots.iter().map(|spot| trie.way(&spot.steps)).collect();
    Scanner { text: text.as_bytes(), at: 0, trie: &mut trie }.value(Some(0));
    let offsets: Vec<usize> = spots.iter().zip(&ways).map(|(spot, way)| trie.offset(way, spot.target)).collect();
    in_lines(text, &offsets)
}

/// What is looked for, by its steps from the root, which is node 0.
struct Trie(Vec<Node>);

#[derive(Default)]
struct Node {
    below: HashMap<Step, usize>,
    /// Offsets of the key, as often as it stands in its object.
    names: Vec<usize>,
    value: Option<usize>,
}

impl Default for Trie {
    fn default() -> Self {
        Self(vec![Node::default()])
    }
}

impl Trie {
    /// The nodes on the way, the root first.
    fn way(&mut self, steps: &[Step]) -> Vec<usize> {
        let mut way = vec![0];
        let mut at = 0;
        for step in steps {
            let next = self.0.len();
            let Some(node) = self.0.get_mut(at) else { break };
            at = *node.below.entry(step.clone()).or_insert(next);
            if at == next {
                self.0.push(Node::default());
            }
            way.push(at);
        }
        way
    }

    fn below(&self, node: usize, step: &Step) -> Option<usize> {
        self.0.get(node)?.below.get(step).copied()
    }

    fn is_leaf(&self, node: usize) -> bool {
        self.0.get(node).is_none_or(|node| node.below.is_empty())
    }

    /// A value begins: what was found below one of the same name before does not count.
    fn enter(&mut self, node: usize, offset: usize) {
        let Some(entered) = self.0.get_mut(node) else { return };
        let again = entered.value.replace(offset).is_some();
        if again {
            let mut stale: Vec<usize> = entered.below.values().copied().collect();
            while let Some(node) = stale.pop().and_then(|node| self.0.get_mut(node)) {
                (node.value, node.names) = (None, Vec::new());
                stale.extend(node.below.values());
            }
        }
    }

    fn offset(&self, way: &[usize], target: Target) -> usize {
        let nodes = way.iter().rev().filter_map(|node| self.0.get(*node));
        for (i, node) in nodes.enumerate() {
            let found = match target {
                Target::Name(nth) if i == 0 => node.names.get(nth).or_else(|| node.names.last()).copied(),
                Target::Name(_) | Target::Value => node.value,
            };
            if let Some(offset) = found {
                return offset;
            }
        }
        0
    }
}

struct Scanner<'t> {
    text: &'t [u8],
    at: usize,
    trie: &'t mut Trie,
}

impl Scanner<'_> {
    /// Past one value; with a node, what is looked for in it is noted.
    fn value(&mut self, node: Option<usize>) {
        self.blank();
        if let Some(node) = node {
            self.trie.enter(node, self.at);
        }
        match node.filter(|node| !self.trie.is_leaf(*node)) {
            Some(node) if self.peek() == Some(b'{') => self.object(node),
            Some(node) if self.peek() == Some(b'[') => self.array(node),
            _ => self.skip(),
        }
    }

    fn object(&mut self, node: usize) {
        self.step();
        loop {
            self.blank();
            match self.peek() {
                Some(b',') => self.step(),
                Some(b'"') => self.member(node),
                _ => return self.step(),
            }
        }
    }

    fn member(&mut self, node: usize) {
        let start = self.at;
        self.string();
        let key = self.text.get(start..self.at).unwrap_or_default();
        // Escapes are rare in keys; whoever has them pays for them.
        let key: Box<str> = serde_json::from_slice::<String>(key).unwrap_or_default().into();
        let below = self.trie.below(node, &Step::Key(key));
        if let Some(node) = below.and_then(|below| self.trie.0.get_mut(below)) {
            node.names.push(start);
        }
        self.blank();
        self.step();
        self.value(below);
    }

    fn array(&mut self, node: usize) {
        self.step();
        for index in 0_usize.. {
            self.blank();
            match self.peek() {
                None => return,
                Some(b']') => return self.step(),
                Some(_) => self.value(self.trie.below(node, &Step::Index(index))),
            }
            self.blank();
            if self.peek() == Some(b',') {
                self.step();
            }
        }
    }

    /// Past one value, unread.
    fn skip(&mut self) {
        let mut depth = 0_usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => self.string(),
                b'{' | b'[' => {
                    depth = depth.saturating_add(1);
                    self.step();
                }
                b'}' | b']' if depth > 0 => {
                    depth = depth.saturating_sub(1);
                    self.step();
                }
                b',' | b'}' | b']' if depth == 0 => return,
                b' ' | b'\t' | b'\r' | b'\n' if depth == 0 => return,
                _ => {
                    self.step();
                    continue;
                }
            }
            if depth == 0 {
                return;
            }
        }
    }

    fn string(&mut self) {
        self.step();
        while let Some(byte) = self.peek() {
            self.step();
            match byte {
                b'"' => return,
                b'\\' => self.step(),
                _ => {}
            }
        }
    }

    fn blank(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.step();
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    const fn step(&mut self) {
        self.at = self.at.saturating_add(1);
    }
}

/// Lines and columns of offsets, in one pass.
fn in_lines(text: &str, offsets: &[usize]) -> Vec<Place> {
    let mut order: Vec<usize> = (0..offsets.len()).collect();
    order.sort_by_key(|i| offsets.get(*i));
    let mut places = vec![Place { line: 0, column: 0 }; offsets.len()];
    let mut characters = text.char_indices().peekable();
    let (mut line, mut column) = (1_u32, 1_u32);
    for i in order {
        let offset = offsets.get(i).copied().unwrap_or_default();
        while let Some((_, character)) = characters.next_if(|(at, _)| *at < offset) {
            if character == '\n' {
                (line, column) = (line.saturating_add(1), 1);
            } else {
                column = column.saturating_add(1);
            }
        }
        if let Some(place) = places.get_mut(i) {
            *place = Place { line, column };
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(key: &str) -> Step {
        Step::Key(key.into())
    }

    fn at(text: &str, steps: &[Step], target: Target) -> (u32, u32) {
        let place = places(text, &[Spot { steps: steps.to_vec(), target }])[0];
        (place.line, place.column)
    }

    #[test]
    fn values_and_keys_are_found_where_they_stand() {
        let text = "{\n  \"ä\": [1, {\"x y\": \"]}\"}, [ ]],\n\t\"b\\u0061\": {\"a\": 1, \"c\": -2.5e3 , \"a\": {\"d\": null}},\n\"e\":true}";
        for (steps, target, place) in [
            (vec![], Target::Value, (1, 1)),
            (vec![key("ä")], Target::Value, (2, 8)),
            (vec![key("ä")], Target::Name(0), (2, 3)),
            (vec![key("ä"), Step::Index(0)], Target::Value, (2, 9)),
            (vec![key("ä"), Step::Index(1), key("x y")], Target::Value, (2, 20)),
            (vec![key("ä"), Step::Index(2)], Target::Value, (2, 27)),
            (vec![key("ba")], Target::Name(0), (3, 2)),
            (vec![key("ba"), key("a")], Target::Name(0), (3, 14)),
            (vec![key("ba"), key("a")], Target::Name(1), (3, 36)),
            (vec![key("ba"), key("a")], Target::Name(9), (3, 36)),
            (vec![key("ba"), key("a"), key("d")], Target::Value, (3, 47)),
            (vec![key("ba"), key("c")], Target::Value, (3, 27)),
            (vec![key("e")], Target::Value, (4, 5)),
            (vec![key("e"), key("none"), Step::Index(4)], Target::Value, (4, 5)),
            (vec![key("none")], Target::Name(0), (1, 1)),
        ] {
            assert_eq!(at(text, &steps, target), place, "{steps:?} {target:?}");
        }
    }

    #[test]
    fn what_stands_below_a_key_that_is_written_again_counts_no_more() {
        let text = r#"{"a": {"b": 1, "b": 2}, "a": {"c": 3}}"#;
        assert_eq!(at(text, &[key("a"), key("b")], Target::Value), (1, 30), "the last a, which has no b");
        assert_eq!(at(text, &[key("a"), key("c")], Target::Value), (1, 36));
    }

    #[test]
    fn a_thousand_places_in_two_megabytes_take_one_pass() {
        let row = format!("\"{}\",", "x".repeat(2_000));
        let text = format!("[{}0]", row.repeat(1_000));
        let spots: Vec<Spot> =
            (0..=1_000).map(|i| Spot { steps: vec![Step::Index(i)], target: Target::Value }).collect();
        let places = places(&text, &spots);
        for (i, place) in places.iter().enumerate() {
            assert_eq!((place.line, place.column as usize), (1, 2 + i * row.len()));
        }
    }
}

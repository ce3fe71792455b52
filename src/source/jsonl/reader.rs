//! One object, taken apart: which ranges of its text the wanted paths lead to.
//!
//! The paths are one tree, walked along with the text from left to right, so a
//! record is read once however many fields are wanted.

use std::collections::{HashMap, HashSet};

use super::path::{Step, steps};
use crate::{
    batch::{Cell, RecordBatch},
    definition::FieldRef,
    source::{
        Header, Projection,
        json::{Cursor, Parsed, Quoted, RecordCells, Token, push, unescape},
    },
};

/// A place in the tree of wanted paths.
#[derive(Debug, Default)]
struct Node {
    /// The cell this place is, where it is wanted itself.
    slot: Option<usize>,
    names: HashMap<String, usize>,
    items: HashMap<usize, usize>,
    /// The slots of this place and of all below.
    below: Vec<usize>,
}

/// Delivers the wanted fields of objects.
#[derive(Debug)]
pub(super) struct ObjectCells {
    tree: Tree,
    /// The slot of each cell.
    cells: Vec<usize>,
    values: Vec<Option<Token>>,
    /// The members no path begins with, as an object, where they are wanted.
    rest: Option<String>,
}

#[derive(Debug)]
struct Tree {
    nodes: Vec<Node>,
    slots: usize,
}

impl ObjectCells {
    pub(super) fn new(header: &Header, literal: &HashSet<String>, projection: &Projection) -> Self {
        let mut tree = Tree { nodes: vec![Node::default()], slots: 0 };
        let mut cell = |field: &FieldRef| {
            let name = match field {
                FieldRef::Name(name) => name.as_str(),
                FieldRef::Number(number) => {
                    let index = usize::try_from(*number).unwrap_or(usize::MAX).wrapping_sub(1);
                    header.fields.get(index).map_or("", String::as_str)
                }
            };
            match literal.contains(name) {
                true => tree.add(&[Step::Name(name.to_owned())]),
                false => tree.add(&steps(name)),
            }
        };
        let cells = projection.fields.iter().map(&mut cell).collect();
        Self {
            values: vec![None; tree.slots],
            tree,
            cells,
            rest: projection.rest.then(String::new),
        }
    }
}

impl Tree {
    /// The slot of a path, a new one unless it is there already.
    fn add(&mut self, path: &[Step]) -> usize {
        let mut way = vec![0];
        for step in path {
            let (here, next) = (way[way.len() - 1], self.nodes.len());
            let node = &mut self.nodes[here];
            let child = match step {
                Step::Name(name) => *node.names.entry(name.clone()).or_insert(next),
                Step::Item(item) => *node.items.entry(*item).or_insert(next),
            };
            if child == next {
                self.nodes.push(Node::default());
            }
            way.push(child);
        }
        let end = way[way.len() - 1];
        if let Some(slot) = self.nodes[end].slot {
            return slot;
        }
        let slot = self.slots;
        self.slots += 1;
        self.nodes[end].slot = Some(slot);
        for place in way {
            self.nodes[place].below.push(slot);
        }
        slot
    }

    /// Passes the value at a place and notes what is wanted of it.
    fn value(
        &self,
        cursor: &mut Cursor<'_>,
        place: usize,
        values: &mut [Option<Token>],
    ) -> Parsed<()> {
        let node = &self.nodes[place];
        for slot in &node.below {
            values[*slot] = None;
        }
        let first = cursor.peek();
        let start = cursor.at;
        let token = match first {
            Some(b'{') if !node.names.is_empty() => {
                cursor.object(|cursor, name| match self.member(cursor.text(), name, node) {
                    Some(child) => self.value(cursor, child, values),
                    None => cursor.value().map(drop),
                })?;
                Token::Nested(start, cursor.at)
            }
            Some(b'[') if !node.items.is_empty() => {
                let mut item = 0;
                cursor.array(|cursor| {
                    item += 1;
                    match node.items.get(&(item - 1)) {
                        Some(child) => self.value(cursor, *child, values),
                        None => cursor.value().map(drop),
                    }
                })?;
                Token::Nested(start, cursor.at)
            }
            _ => cursor.value()?,
        };
        if let Some(slot) = node.slot {
            values[slot] = Some(token);
        }
        Ok(())
    }

    fn member(&self, text: &str, name: Quoted, node: &Node) -> Option<usize> {
        let raw = &text[name.start..name.end];
        if !name.escaped {
            return node.names.get(raw).copied();
        }
        let mut unescaped = Vec::new();
        unescape(raw, &mut unescaped);
        node.names.get(std::str::from_utf8(&unescaped).unwrap_or_default()).copied()
    }
}

impl RecordCells for ObjectCells {
    fn push(&mut self, text: &str, start: usize, batch: &mut RecordBatch) -> Parsed<()> {
        let Self { tree, values, rest, .. } = self;
        values.fill(None);
        let mut cursor = Cursor::new(text);
        if cursor.peek() != Some(b'{') {
            cursor.value()?;
            return cursor.flaw("json.type", "the record is no object");
        }
        if let Some(rest) = rest {
            rest.clear();
        }
        cursor.object(|cursor, name| {
            let child = tree.member(cursor.text(), name, &tree.nodes[0]);
            if let Some(child) = child {
                return tree.value(cursor, child, values);
            }
            cursor.peek();
            let from = cursor.at;
            cursor.value()?;
            if let Some(rest) = rest {
                rest.push(if rest.is_empty() { '{' } else { ',' });
                rest.push_str(&cursor.text()[name.start - 1..=name.end]);
                rest.push(':');
                rest.push_str(&cursor.text()[from..cursor.at]);
            }
            Ok(())
        })?;
        cursor.end()?;
        for slot in &self.cells {
            push(batch, self.values[*slot], text, start);
        }
        if let Some(rest) = &mut self.rest {
            rest.push_str(if rest.is_empty() { "{}" } else { "}" });
            batch.push(Cell::Json(rest));
        }
        Ok(())
    }
}

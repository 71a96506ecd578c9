//! A request as its bytes: the model that the split is held against, which knows field numbers and
//! nothing else.

use tailsift_trace::TraceId;

/// A request whose spans and headers are bytes.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Raw {
    /// Fields that are no `ResourceSpans`.
    pub(crate) others: Vec<u8>,
    pub(crate) resources: Vec<RawResource>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct RawResource {
    pub(crate) header: Vec<u8>,
    pub(crate) scopes: Vec<RawScope>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct RawScope {
    pub(crate) header: Vec<u8>,
    pub(crate) spans: Vec<Vec<u8>>,
}

/// A span's field with its headers; `None` stands for a scope without spans.
pub(crate) type Leaf = (Vec<u8>, Vec<u8>, Option<Vec<u8>>);

impl Raw {
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let mut raw = Self::default();
        for (number, field, content) in fields(bytes) {
            match (number, content) {
                (1, Some(content)) => raw.resources.push(RawResource::read(content)),
                _ => raw.others.extend(field),
            }
        }
        raw
    }

    /// What should be left for one trace.
    pub(crate) fn of_trace(&self, trace_id: TraceId) -> Self {
        let mut raw = self.clone();
        for resource in &mut raw.resources {
            for scope in &mut resource.scopes {
                scope.spans.retain(|span| trace_id_of(span) == Some(trace_id));
            }
            resource.scopes.retain(|scope| !scope.spans.is_empty());
        }
        raw.resources.retain(|resource| !resource.scopes.is_empty());
        raw
    }

    pub(crate) fn leaves(&self) -> Vec<Leaf> {
        let mut leaves = Vec::new();
        for resource in &self.resources {
            let header = &resource.header;
            if resource.scopes.is_empty() {
                leaves.push((header.clone(), Vec::new(), None));
            }
            for scope in &resource.scopes {
                if scope.spans.is_empty() {
                    leaves.push((header.clone(), scope.header.clone(), None));
                }
                for span in &scope.spans {
                    leaves.push((header.clone(), scope.header.clone(), Some(span.clone())));
                }
            }
        }
        leaves
    }
}

impl RawResource {
    fn read(bytes: &[u8]) -> Self {
        let mut raw = Self::default();
        for (number, field, content) in fields(bytes) {
            match (number, content) {
                (2, Some(content)) => raw.scopes.push(RawScope::read(content)),
                _ => raw.header.extend(field),
            }
        }
        raw
    }
}

impl RawScope {
    fn read(bytes: &[u8]) -> Self {
        let mut raw = Self::default();
        for (number, field, content) in fields(bytes) {
            match (number, content) {
                (2, Some(_)) => raw.spans.push(field.to_vec()),
                _ => raw.header.extend(field),
            }
        }
        raw
    }
}

fn trace_id_of(span_field: &[u8]) -> Option<TraceId> {
    let (_, _, content) = fields(span_field).pop()?;
    let id = fields(content?).into_iter().rfind(|(number, ..)| *number == 1)?;
    TraceId::from_wire(id.2?)
}

/// A field's number, all its bytes, and its content if it is length-delimited.
type Field<'b> = (u64, &'b [u8], Option<&'b [u8]>);

fn fields(mut rest: &[u8]) -> Vec<Field<'_>> {
    let mut fields = Vec::new();
    while !rest.is_empty() {
        let start = rest;
        let (number, content) = take_field(&mut rest);
        fields.push((number, &start[..start.len() - rest.len()], content));
    }
    fields
}

fn take_field<'b>(rest: &mut &'b [u8]) -> (u64, Option<&'b [u8]>) {
    let key = take_varint(rest);
    let mut content = None;
    match key & 7 {
        0 => drop(take_varint(rest)),
        1 => drop(rest.split_off(..8)),
        5 => drop(rest.split_off(..4)),
        2 => {
            let len = take_varint(rest) as usize;
            content = rest.split_off(..len);
        }
        3 => while take_group_member(rest) {},
        other => panic!("wire type {other}"),
    }
    (key >> 3, content)
}

/// False at the group's end.
fn take_group_member(rest: &mut &[u8]) -> bool {
    let mut ahead = *rest;
    if take_varint(&mut ahead) & 7 == 4 {
        *rest = ahead;
        return false;
    }
    take_field(rest);
    true
}

fn take_varint(rest: &mut &[u8]) -> u64 {
    let len = 1 + rest.iter().position(|byte| *byte < 0x80).expect("a varint ends");
    let bytes = rest.split_off(..len).expect("it was counted");
    bytes.iter().rev().fold(0, |value, byte| value << 7 | u64::from(byte & 0x7f))
}

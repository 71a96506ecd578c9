//! Conditions as a tree, before anything in them has a meaning.

use super::refusal::Refusal;
use super::token::{CompareOp, Placed, Token, tokens};

/// A part of a condition with its place in the text, in bytes.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Syntax {
    pub(super) at: usize,
    pub(super) form: Form,
    /// Levels below this one.
    depth: u32,
}

#[derive(Clone, PartialEq, Debug)]
pub(super) enum Form {
    Any(Vec<Syntax>),
    All(Vec<Syntax>),
    Not(Box<Syntax>),
    Compare(CompareOp, Box<Syntax>, Box<Syntax>),
    Math(MathOp, Box<Syntax>, Box<Syntax>),
    Negated(Box<Syntax>),
    Nil,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(Vec<u8>),
    Bytes(Vec<u8>),
    List(Vec<Syntax>),
    Map(Vec<(Vec<u8>, Syntax)>),
    /// Segments between dots.
    Path(Vec<String>),
    Symbol(String),
    Call(String, Vec<Syntax>),
    /// A path or call with keys in brackets behind it.
    Keyed(Box<Syntax>, Vec<Syntax>),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum MathOp {
    Add,
    Subtract,
    Multiply,
    Divide,
}

/// Levels of parentheses, lists, calls and operators.
const DEPTH_MAX: u32 = 64;

/// Parses a whole condition.
pub(super) fn parse(text: &str) -> Result<Syntax, Refusal> {
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens: &tokens, end: text.len(), nesting: 0 };
    let whole = parser.any()?;
    match parser.tokens.first() {
        None => Ok(whole),
        Some(Placed { token: Token::Name(name), span }) if is_keyword_of_others(name) => {
            let message = format!("unexpected {name}: write {}", name.to_lowercase());
            Err(Refusal::new(span.start, message))
        }
        Some(_) => Err(parser.unexpected("the end of the condition, and, or")),
    }
}

fn is_keyword_of_others(name: &str) -> bool {
    ["AND", "OR", "NOT"].contains(&name)
}

struct Parser<'t> {
    /// What is left.
    tokens: &'t [Placed],
    /// Where the text ends.
    end: usize,
    nesting: u32,
}

impl Parser<'_> {
    fn any(&mut self) -> Result<Syntax, Refusal> {
        self.chain("or", Self::all, Form::Any)
    }

    fn all(&mut self) -> Result<Syntax, Refusal> {
        self.chain("and", Self::negation, Form::All)
    }

    fn chain(
        &mut self,
        keyword: &str,
        part: fn(&mut Self) -> Result<Syntax, Refusal>,
        form: fn(Vec<Syntax>) -> Form,
    ) -> Result<Syntax, Refusal> {
        let first = part(self)?;
        if !self.next_is_name(keyword) {
            return Ok(first);
        }
        let at = first.at;
        let mut parts = vec![first];
        while self.take_name(keyword) {
            parts.push(part(self)?);
        }
        let below = deepest(&parts);
        syntax(at, form(parts), below)
    }

    fn negation(&mut self) -> Result<Syntax, Refusal> {
        let at = self.at();
        if !self.take_name("not") {
            return self.comparison();
        }
        let negated = self.comparison()?;
        let below = negated.depth;
        syntax(at, Form::Not(Box::new(negated)), below)
    }

    fn comparison(&mut self) -> Result<Syntax, Refusal> {
        let left = self.sum()?;
        let Some(Placed { token: Token::Compare(op), span }) = self.tokens.first() else {
            return Ok(left);
        };
        self.advance();
        let right = self.sum()?;
        if matches!(self.tokens.first(), Some(Placed { token: Token::Compare(_), .. })) {
            let message = "comparisons cannot be chained: join two of them with and";
            return Err(Refusal::new(self.at(), message));
        }
        let below = left.depth.max(right.depth);
        syntax(span.start, Form::Compare(*op, Box::new(left), Box::new(right)), below)
    }

    fn sum(&mut self) -> Result<Syntax, Refusal> {
        self.math(Self::product, &[(Token::Plus, MathOp::Add), (Token::Minus, MathOp::Subtract)])
    }

    fn product(&mut self) -> Result<Syntax, Refusal> {
        self.math(Self::signed, &[(Token::Star, MathOp::Multiply), (Token::Slash, MathOp::Divide)])
    }

    fn math(
        &mut self,
        part: fn(&mut Self) -> Result<Syntax, Refusal>,
        ops: &[(Token, MathOp)],
    ) -> Result<Syntax, Refusal> {
        let mut left = part(self)?;
        while let Some((_, op)) = ops.iter().find(|(token, _)| self.next_is(token)) {
            let at = self.at();
            self.advance();
            let right = part(self)?;
            let below = left.depth.max(right.depth);
            left = syntax(at, Form::Math(*op, Box::new(left), Box::new(right)), below)?;
        }
        Ok(left)
    }

    fn signed(&mut self) -> Result<Syntax, Refusal> {
        let at = self.at();
        match self.tokens.first().map(|placed| &placed.token) {
            Some(Token::Minus) => {
                self.advance();
                let value = self.keyed()?;
                let below = value.depth;
                syntax(at, Form::Negated(Box::new(value)), below)
            }
            Some(_) | None => self.keyed(),
        }
    }

    /// A value with the keys behind it.
    fn keyed(&mut self) -> Result<Syntax, Refusal> {
        let at = self.at();
        let value = self.value()?;
        let mut keys = Vec::new();
        while self.next_is(&Token::OpenList)
            && matches!(value.form, Form::Path(_) | Form::Call(..) | Form::Symbol(_))
        {
            self.advance();
            keys.push(self.nested(Self::sum)?);
            self.expect(&Token::CloseList, "] behind the key")?;
        }
        if keys.is_empty() {
            return Ok(value);
        }
        if self.next_is(&Token::Dot) {
            let message = "keys in brackets come last: nothing is within them by a dot";
            return Err(Refusal::new(self.at(), message));
        }
        let below = deepest(&keys).max(value.depth);
        syntax(at, Form::Keyed(Box::new(value), keys), below)
    }

    fn value(&mut self) -> Result<Syntax, Refusal> {
        let Some(Placed { token, span }) = self.tokens.first() else {
            return Err(self.unexpected("a value"));
        };
        let leaf = |form| syntax(span.start, form, 0);
        match token {
            Token::Int(number) => self.leaf(leaf(Form::Int(*number))),
            Token::Double(number) => self.leaf(leaf(Form::Double(*number))),
            Token::Text(text) => self.leaf(leaf(Form::Text(text.clone()))),
            Token::Bytes(bytes) => self.leaf(leaf(Form::Bytes(bytes.clone()))),
            Token::Name(name) => self.name(name, span.start),
            Token::Open => {
                self.advance();
                let inner = self.nested(Self::any)?;
                self.expect(&Token::Close, ")")?;
                Ok(inner)
            }
            Token::OpenList => {
                self.advance();
                let items = self.list(&Token::CloseList, "]", Self::sum)?;
                let below = deepest(&items);
                syntax(span.start, Form::List(items), below)
            }
            Token::OpenMap => {
                self.advance();
                let entries = self.list(&Token::CloseMap, "}", Self::entry)?;
                let below = entries.iter().map(|(_, value)| value.depth).max().unwrap_or(0);
                syntax(span.start, Form::Map(entries), below)
            }
            Token::Compare(_)
            | Token::Plus
            | Token::Minus
            | Token::Star
            | Token::Slash
            | Token::Dot
            | Token::Comma
            | Token::Colon
            | Token::Close
            | Token::CloseList
            | Token::CloseMap => Err(self.unexpected("a value")),
        }
    }

    fn leaf(&mut self, leaf: Result<Syntax, Refusal>) -> Result<Syntax, Refusal> {
        self.advance();
        leaf
    }

    fn entry(&mut self) -> Result<(Vec<u8>, Syntax), Refusal> {
        let Some(Placed { token: Token::Text(key), .. }) = self.tokens.first() else {
            return Err(self.unexpected("a key in quotes"));
        };
        self.advance();
        self.expect(&Token::Colon, ": behind the key")?;
        Ok((key.clone(), self.sum()?))
    }

    fn name(&mut self, name: &str, at: usize) -> Result<Syntax, Refusal> {
        if ["and", "or", "not", "where"].contains(&name) {
            return Err(self.unexpected("a value"));
        }
        self.advance();
        match name {
            "nil" => return syntax(at, Form::Nil, 0),
            "true" => return syntax(at, Form::Bool(true), 0),
            "false" => return syntax(at, Form::Bool(false), 0),
            _ => {}
        }
        if name.starts_with(|first: char| first.is_ascii_uppercase()) {
            if !self.next_is(&Token::Open) {
                return syntax(at, Form::Symbol(name.to_owned()), 0);
            }
            self.advance();
            let arguments = self.list(&Token::Close, ")", Self::argument)?;
            let below = deepest(&arguments);
            return syntax(at, Form::Call(name.to_owned(), arguments), below);
        }
        if self.next_is(&Token::Open) {
            let message = format!(
                "{name}(…) is no function of conditions: their names begin with a capital, and what \
                 changes spans has no place here"
            );
            return Err(Refusal::new(at, message));
        }
        let mut segments = vec![name.to_owned()];
        while self.next_is(&Token::Dot) {
            self.advance();
            let Some(Placed { token: Token::Name(segment), .. }) = self.tokens.first() else {
                return Err(self.unexpected("a name behind the dot"));
            };
            segments.push(segment.clone());
            self.advance();
        }
        syntax(at, Form::Path(segments), 0)
    }

    fn argument(&mut self) -> Result<Syntax, Refusal> {
        self.sum()
    }

    /// Items between commas, up to the closing bracket.
    fn list<T>(
        &mut self,
        close: &Token,
        closing: &str,
        item: fn(&mut Self) -> Result<T, Refusal>,
    ) -> Result<Vec<T>, Refusal> {
        let mut items = Vec::new();
        if self.next_is(close) {
            self.advance();
            return Ok(items);
        }
        loop {
            items.push(self.nested(item)?);
            if !self.next_is(&Token::Comma) {
                break;
            }
            self.advance();
        }
        self.expect(close, &format!("a comma or {closing}"))?;
        Ok(items)
    }

    fn nested<T>(
        &mut self,
        inner: impl FnOnce(&mut Self) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        if self.nesting == DEPTH_MAX {
            return Err(too_deep(self.at()));
        }
        self.nesting += 1;
        let found = inner(self);
        self.nesting -= 1;
        found
    }

    fn at(&self) -> usize {
        self.tokens.first().map_or(self.end, |placed| placed.span.start)
    }

    fn advance(&mut self) {
        self.tokens = self.tokens.split_first().map_or(&[], |(_, rest)| rest);
    }

    fn next_is(&self, token: &Token) -> bool {
        self.tokens.first().is_some_and(|placed| placed.token == *token)
    }

    fn next_is_name(&self, name: &str) -> bool {
        matches!(self.tokens.first(), Some(Placed { token: Token::Name(next), .. }) if next == name)
    }

    fn take_name(&mut self, name: &str) -> bool {
        let taken = self.next_is_name(name);
        if taken {
            self.advance();
        }
        taken
    }

    fn expect(&mut self, token: &Token, expected: &str) -> Result<(), Refusal> {
        if !self.next_is(token) {
            return Err(self.unexpected(expected));
        }
        self.advance();
        Ok(())
    }

    fn unexpected(&self, expected: &str) -> Refusal {
        let got = match self.tokens.first() {
            None => "the condition ends".to_owned(),
            Some(Placed { token: Token::Name(name), .. }) => format!("got {name}"),
            Some(Placed { token: Token::Text(text), .. }) => {
                format!("got the text {:?}", String::from_utf8_lossy(text))
            }
            Some(Placed { token, .. }) => format!("got {}", sign(token)),
        };
        Refusal::new(self.at(), format!("expected {expected}, but {got}"))
    }
}

/// A word that is neither name nor text, as it is written.
fn sign(token: &Token) -> String {
    let sign = match token {
        Token::Int(number) => return number.to_string(),
        Token::Double(number) => return number.to_string(),
        Token::Name(name) => return name.clone(),
        Token::Text(_) => "a text",
        Token::Bytes(_) => "bytes",
        Token::Compare(CompareOp::Equal) => "==",
        Token::Compare(CompareOp::NotEqual) => "!=",
        Token::Compare(CompareOp::Less) => "<",
        Token::Compare(CompareOp::LessOrEqual) => "<=",
        Token::Compare(CompareOp::Greater) => ">",
        Token::Compare(CompareOp::GreaterOrEqual) => ">=",
        Token::Plus => "+",
        Token::Minus => "-",
        Token::Star => "*",
        Token::Slash => "/",
        Token::Dot => "a dot",
        Token::Comma => "a comma",
        Token::Colon => "a colon",
        Token::Open => "(",
        Token::Close => ")",
        Token::OpenList => "[",
        Token::CloseList => "]",
        Token::OpenMap => "{",
        Token::CloseMap => "}",
    };
    sign.to_owned()
}

fn syntax(at: usize, form: Form, below: u32) -> Result<Syntax, Refusal> {
    if below >= DEPTH_MAX {
        return Err(too_deep(at));
    }
    Ok(Syntax { at, form, depth: below + 1 })
}

fn too_deep(at: usize) -> Refusal {
    let message = format!("nested more than {DEPTH_MAX} levels deep: split the condition");
    Refusal::new(at, message)
}

fn deepest(parts: &[Syntax]) -> u32 {
    parts.iter().map(|part| part.depth).max().unwrap_or(0)
}

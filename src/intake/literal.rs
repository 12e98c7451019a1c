//! Objects as Node (`console.log`) and Python (`print`) show them: single quotes, names without quotes, names of classes.

use std::iter::Peekable;
use std::str::Chars;

use serde_json::{Map, Number, Value};

/// Deeper values are cut to nothing.
const DEEPEST: usize = 24;

/// The object that begins where the text does; JSON is one as well. Total: what is cut ends where the text ends.
pub(super) fn object(text: &str) -> Option<Map<String, Value>> {
    let mut reader = Reader { rest: text.chars().peekable(), depth: 0 };
    match reader.value() {
        Value::Object(map) => Some(map).filter(|map| !map.is_empty()),
        _ => None,
    }
}

struct Reader<'a> {
    rest: Peekable<Chars<'a>>,
    depth: usize,
}

impl Reader<'_> {
    fn blanks(&mut self) {
        while self.rest.next_if(|next| next.is_whitespace()).is_some() {}
    }

    fn skip(&mut self, wanted: char) -> bool {
        self.blanks();
        self.rest.next_if_eq(&wanted).is_some()
    }

    fn value(&mut self) -> Value {
        self.blanks();
        if self.depth >= DEEPEST {
            self.rest.by_ref().for_each(drop);
            return Value::Null;
        }
        self.depth += 1;
        let value = match self.rest.peek().copied() {
            Some('{') => self.members(),
            Some('[') => self.items(),
            Some('<') => self.marked(),
            Some('\'' | '"' | '`') => Value::String(self.quoted()),
            Some(_) => self.word(),
            None => Value::Null,
        };
        self.depth -= 1;
        value
    }

    fn members(&mut self) -> Value {
        self.rest.next();
        let mut map = Map::new();
        loop {
            if self.skip('}') || self.rest.peek().is_none() {
                return Value::Object(map);
            }
            let name = self.name();
            if self.skip(':') {
                let value = self.value();
                map.insert(name, value);
            }
            if !self.skip(',') {
                // What stands between is not understood: on to the next member or the end.
                while self.rest.next_if(|next| !matches!(next, ',' | '}')).is_some() {}
                self.skip(',');
            }
        }
    }

    fn name(&mut self) -> String {
        self.blanks();
        match self.rest.peek() {
            Some('\'' | '"' | '`') => self.quoted(),
            _ => self.until(&[':', ',', '}', '\n']).trim().to_owned(),
        }
    }

    /// An array, or what Node shows in the place of a value: `[Function: x]`, `[Circular *1]`.
    fn items(&mut self) -> Value {
        self.rest.next();
        self.blanks();
        if self.rest.peek().is_some_and(|next| next.is_ascii_uppercase()) {
            self.until(&[']']);
            self.rest.next();
            return Value::Null;
        }
        let mut items = Vec::new();
        loop {
            if self.skip(']') || self.rest.peek().is_none() {
                return Value::Array(items);
            }
            items.push(self.value());
            if !self.skip(',') {
                while self.rest.next_if(|next| !matches!(next, ',' | ']')).is_some() {}
                self.skip(',');
            }
        }
    }

    /// `<ref *1> Name { … }`, `<Buffer 7b>`.
    fn marked(&mut self) -> Value {
        self.until(&['>']);
        self.rest.next();
        self.blanks();
        let more = self.rest.peek().is_some_and(|next| *next == '{' || next.is_ascii_alphabetic());
        if more { self.value() } else { Value::Null }
    }

    fn quoted(&mut self) -> String {
        let Some(quote) = self.rest.next() else { return String::new() };
        let mut text = String::new();
        while let Some(next) = self.rest.next().filter(|next| *next != quote) {
            match (next, next == '\\') {
                (_, true) => text.extend(self.escape()),
                (next, _) => text.push(next),
            }
        }
        // Node breaks long texts over lines: 'a' + 'b'.
        self.blanks();
        if self.rest.next_if_eq(&'+').is_some() {
            self.blanks();
            if self.rest.peek() == Some(&quote) {
                text.push_str(&self.quoted());
            }
        }
        text
    }

    fn escape(&mut self) -> Option<char> {
        Some(match self.rest.next()? {
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let code: String = self.rest.by_ref().take(4).collect();
                return u32::from_str_radix(&code, 16).ok().and_then(char::from_u32);
            }
            other => other,
        })
    }

    /// A number, a word, or the name of a class in front of an object.
    fn word(&mut self) -> Value {
        let word = self.until(&[',', '}', ']', '{', '[', '\n']);
        match self.rest.peek() {
            Some('{') => return self.value(),
            Some('[') => {
                self.until(&[']']);
                self.rest.next();
                return self.value();
            }
            _ => {}
        }
        let word = word.trim();
        match word {
            "true" | "True" => Value::Bool(true),
            "false" | "False" => Value::Bool(false),
            "null" | "undefined" | "None" | "" => Value::Null,
            word => match word.parse::<i64>() {
                Ok(number) => Value::Number(Number::from(number)),
                Err(_) => Value::String(word.to_owned()),
            },
        }
    }

    fn until(&mut self, ends: &[char]) -> String {
        let mut text = String::new();
        while let Some(next) = self.rest.next_if(|next| !ends.contains(next)) {
            text.push(next);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> String {
        object(text).map(|map| Value::Object(map).to_string()).unwrap_or_default()
    }

    #[test]
    fn objects_of_node_and_python_are_read() {
        assert_eq!(
            json("{ a: 'x', b: { c: 1, d: undefined }, e: [ 'f', true ], g: [Function: h], i: [Array] }"),
            r#"{"a":"x","b":{"c":1,"d":null},"e":["f",true],"g":null,"i":null}"#
        );
        assert_eq!(
            json(
                "{\n  headers: Object [AxiosHeaders] {\n    'User-Agent': 'a/1',\n    [Symbol(x)]: 1\n  },\n  r: <ref *1> Req { p: 'it\\'s' +\n 'b' }\n}"
            ),
            r#"{"[Symbol(x)]":1,"headers":{"User-Agent":"a/1"},"r":{"p":"it'sb"}}"#.replace(
                r#""[Symbol(x)]":1,"headers":{"User-Agent":"a/1"}"#,
                r#""headers":{"User-Agent":"a/1","[Symbol(x)]":1}"#
            )
        );
        assert_eq!(json("{'a': None, 'b': True, \"c\": 'd'}"), r#"{"a":null,"b":true,"c":"d"}"#);
        assert_eq!(json("{\"a\":{\"b\":[1,2]}} rest"), r#"{"a":{"b":[1,2]}}"#);
        assert_eq!((json("hello").as_str(), json("{}").as_str()), ("", ""));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read(text in "[{}\\[\\]<>:,'\"a1+\\\\ \n]{0,200}") {
            object(&text);
            object(&"{a:".repeat(5000));
        }
    }
}

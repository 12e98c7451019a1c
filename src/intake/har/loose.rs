//! Values as tools really write them: a number as text, `null` for an absent list, an object where a list should be.
//! Nothing here fails on a wrong type; only broken JSON does. Text is borrowed from the entry wherever it has no escapes.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A text or a number; nothing where something else stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Plain<'a> {
    #[default]
    Nothing,
    Text(Cow<'a, str>),
    Number(f64),
}

impl Plain<'_> {
    /// The text, empty where there is none.
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Plain::Nothing => Cow::Borrowed(""),
            Plain::Text(text) => Cow::Borrowed(text),
            Plain::Number(number) => Cow::Owned(number.to_string()),
        }
    }

    /// The number; a text that reads as a finite one counts.
    pub fn number(&self) -> Option<f64> {
        match self {
            Plain::Nothing => None,
            Plain::Text(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
            Plain::Number(number) => Some(*number),
        }
    }

    /// A count or a length: `None` for what is negative (HAR's -1) or no number.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at least 0, and `as` saturates")]
    pub fn count(&self) -> Option<u64> {
        self.number().filter(|number| *number >= 0.0).map(|number| number as u64)
    }

    pub fn is_empty(&self) -> bool {
        self.text().is_empty()
    }
}

/// An object, or its default where something else stands.
#[derive(Clone, Debug, Default)]
pub(super) struct Loose<T>(pub T);

/// A list of objects; of an object in its place, each member's name and value make an item.
#[derive(Clone, Debug, Default)]
pub(super) struct List<T>(pub Vec<T>);

/// What a member of an object makes where a list was expected.
pub(super) trait FromMember<'a> {
    fn from_member(name: Plain<'a>, value: Plain<'a>) -> Self;
}

/// The answers of a visitor to values that it does not want.
macro_rules! else_nothing {
    ($value:ty, $nothing:expr, $($name:ident: $kind:ty),*) => {
        $(fn $name<E>(self, _: $kind) -> Result<$value, E> {
            Ok($nothing)
        })*

        fn visit_unit<E>(self) -> Result<$value, E> {
            Ok($nothing)
        }
    };
}

struct PlainVisitor<'a>(PhantomData<&'a ()>);

impl<'de: 'a, 'a> Visitor<'de> for PlainVisitor<'a> {
    type Value = Plain<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a number")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Plain<'a>, E> {
        Ok(Plain::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Plain<'a>, E> {
        Ok(Plain::Text(Cow::Owned(text.to_owned())))
    }

    #[expect(clippy::cast_precision_loss, reason = "times and lengths, far below 2^53")]
    fn visit_u64<E>(self, number: u64) -> Result<Plain<'a>, E> {
        Ok(Plain::Number(number as f64))
    }

    #[expect(clippy::cast_precision_loss, reason = "times and lengths, far below 2^53")]
    fn visit_i64<E>(self, number: i64) -> Result<Plain<'a>, E> {
        Ok(Plain::Number(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Plain<'a>, E> {
        Ok(Plain::Number(number))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Plain<'a>, A::Error> {
        drain(seq).map(|()| Plain::Nothing)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Plain<'a>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Plain::Nothing)
    }

    else_nothing!(Plain<'a>, Plain::Nothing, visit_bool: bool);
}

struct LooseVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de> + Default> Visitor<'de> for LooseVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<T, A::Error> {
        drain(seq).map(|()| T::default())
    }

    else_nothing!(T, T::default(), visit_bool: bool, visit_u64: u64, visit_i64: i64, visit_f64: f64, visit_str: &str);
}

struct ListVisitor<'a, T>(PhantomData<(&'a (), T)>);

impl<'de: 'a, 'a, T> Visitor<'de> for ListVisitor<'a, T>
where
    T: Deserialize<'de> + Default + FromMember<'a>,
{
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
        let mut items = Vec::new();
        while let Some(Loose(item)) = seq.next_element::<Loose<T>>()? {
            items.push(item);
        }
        Ok(items)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<T>, A::Error> {
        let mut items = Vec::new();
        while let Some((name, value)) = map.next_entry()? {
            items.push(T::from_member(name, value));
        }
        Ok(items)
    }

    else_nothing!(Vec<T>, Vec::new(), visit_bool: bool, visit_u64: u64, visit_i64: i64, visit_f64: f64, visit_str: &str);
}

fn drain<'de, A: SeqAccess<'de>>(mut seq: A) -> Result<(), A::Error> {
    while seq.next_element::<IgnoredAny>()?.is_some() {}
    Ok(())
}

impl<'de: 'a, 'a> Deserialize<'de> for Plain<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(PlainVisitor(PhantomData))
    }
}

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for Loose<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(LooseVisitor(PhantomData)).map(Loose)
    }
}

impl<'de: 'a, 'a, T: Deserialize<'de> + Default + FromMember<'a>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ListVisitor(PhantomData)).map(List)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, Default, Deserialize)]
    #[serde(default)]
    struct Pair<'a> {
        #[serde(borrow)]
        name: Plain<'a>,
        #[serde(borrow)]
        value: Plain<'a>,
    }

    impl<'a> FromMember<'a> for Pair<'a> {
        fn from_member(name: Plain<'a>, value: Plain<'a>) -> Self {
            Pair { name, value }
        }
    }

    fn plain(json: &str) -> Plain<'_> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn plain_values_take_what_comes() {
        assert_eq!(
            (plain("\"401\"").number(), plain("401").number(), plain("-1").count()),
            (Some(401.0), Some(401.0), None)
        );
        assert_eq!((&*plain("7").text(), &*plain("\"a\\u0062\"").text()), ("7", "ab"));
        for other in ["null", "true", "[1,[2]]", "{\"a\":{}}"] {
            assert_eq!(plain(other), Plain::Nothing, "{other}");
        }
        assert!(matches!(plain("\"borrowed\""), Plain::Text(Cow::Borrowed(_))));
    }

    #[test]
    fn lists_take_objects_and_leave_other_things() {
        let names = |json: &str| -> Vec<String> {
            let list: List<Pair<'_>> = serde_json::from_str(json).unwrap();
            list.0.iter().map(|pair| format!("{}={}", pair.name.text(), pair.value.text())).collect()
        };
        assert_eq!(names(r#"[{"name":"a","value":"1","x":[]},null,{"name":"b"}]"#), ["a=1", "=", "b="]);
        assert_eq!(names(r#"{"a":"1","b":2}"#), ["a=1", "b=2"]);
        for other in ["null", "\"a=1\"", "7", "false"] {
            assert!(names(other).is_empty(), "{other}");
        }
    }
}

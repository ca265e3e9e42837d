//! JSON as JSON Schema has it, where serde is more lenient or stricter.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Unexpected, Visitor};

/// A struct of a JSON object. By itself, serde also reads one from an array with the values of its fields.
#[derive(Debug)]
pub(super) struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}

/// A whole number. Other than for serde, 32.0 is one, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Whole(pub usize);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WholeVisitor)
    }
}

struct WholeVisitor;

impl Visitor<'_> for WholeVisitor {
    type Value = Whole;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a whole number from 0 on")
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Whole, E> {
        usize::try_from(value).map(Whole).map_err(|_| E::invalid_value(Unexpected::Unsigned(value), &self))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Whole, E> {
        usize::try_from(value).map(Whole).map_err(|_| E::invalid_value(Unexpected::Signed(value), &self))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Whole, E> {
        match value.fract() == 0.0 && (0.0..usize::MAX as f64).contains(&value) {
            true => Ok(Whole(value as usize)),
            false => Err(E::invalid_value(Unexpected::Float(value), &self)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_may_have_a_point() {
        for (text, expected) in [("0", 0), ("32", 32), ("32.0", 32), ("3.2e1", 32), ("-0.0", 0)] {
            assert_eq!(serde_json::from_str::<Whole>(text).unwrap(), Whole(expected), "{text}");
        }
        for text in ["-1", "0.5", "-1.0", "1e300", "18446744073709551616", "\"1\"", "null", "[1]"] {
            assert!(serde_json::from_str::<Whole>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_struct_is_an_object_and_no_array() {
        #[derive(Debug, Deserialize, PartialEq)]
        struct Point {
            x: u8,
            y: Option<u8>,
        }
        let read = |text: &str| serde_json::from_str::<Object<Point>>(text).map(|Object(point)| point);
        assert_eq!(read("{\"x\": 1}").unwrap(), Point { x: 1, y: None });
        assert!(read("[1, 2]").unwrap_err().to_string().contains("expected an object"));
    }
}

//! TOML without a declared table, for files that Toji writes itself.
//!
//! Takes a text; gives its values. The inverse of [`super::print()`]: what that wrote is read back the same to the bit.

use crate::base::Value;

/// The values in a TOML text.
///
/// # Errors
/// What is wrong with the text, with its line.
pub fn values(text: &str) -> Result<Value, String> {
    toml::from_str::<Value>(text).map_err(|error| {
        let line = error.span().map(|span| text.get(..span.start).unwrap_or_default().matches('\n').count() + 1);
        line.map_or_else(|| error.message().to_owned(), |line| format!("line {line}: {}", error.message()))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::print;
    use super::*;

    fn any_value() -> impl Strategy<Value = Value> {
        let text = prop_oneof!["\\PC{0,12}", "[\"'\\\\\n\r\t\u{0}\u{7f}#=\\[\\]読]{0,8}"];
        let one = prop_oneof![
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            any::<f64>().prop_filter("a number", |x| x.is_finite()).prop_map(Value::Float),
            text.prop_map(Value::Text),
        ];
        one.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
                prop::collection::btree_map("[a-z .\"読]{0,5}", inner, 0..4)
                    .prop_map(|of| Value::Table(of.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(values in prop::collection::btree_map("[a-z_]{1,6}", any_value(), 0..5)) {
            let all = Value::Table(values.into_iter().collect());
            prop_assert_eq!(super::values(&print(&all)).unwrap(), all);
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,60}") {
            let _ = super::values(&text);
        }
    }

    #[test]
    fn mistakes_have_their_line() {
        let told = values("[a]\nb = 1\nc = [\n").unwrap_err();
        assert!(told.starts_with("line "), "{told}");
        assert_eq!(values("").unwrap(), Value::table());
    }
}

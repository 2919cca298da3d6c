//! Environment variables, handed in so that tests need none.
//!
//! Data in: a lookup function. Data out: values by name.
//!
//! **Invariant:** [`Environment::of_process`] is the only reader of the real environment in the
//! configuration.
//!
//! Rejected: `std::env::var` where it is needed: it makes tests depend on each other.

use std::fmt;

type Lookup = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Looks environment variables up. Its `Debug` shows none of them.
pub struct Environment(Lookup);

impl Environment {
    /// The environment of this process; variables that are not UTF-8 count as unset.
    pub fn of_process() -> Self {
        Self(Box::new(|name| std::env::var(name).ok()))
    }

    /// Just these variables.
    pub fn of<const N: usize>(variables: [(&str, &str); N]) -> Self {
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self(Box::new(move |wanted| {
            variables.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone())
        }))
    }

    /// The value of a variable; `None` when it is unset or empty.
    pub fn get(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.is_empty())
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Environment(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_variables_count_as_unset_and_nothing_is_shown() {
        let environment = Environment::of([("A", "hunter2"), ("B", "")]);
        assert_eq!(environment.get("A").as_deref(), Some("hunter2"));
        assert_eq!((environment.get("B"), environment.get("C")), (None, None));
        assert!(!format!("{environment:?}").contains("hunter2"));
    }
}

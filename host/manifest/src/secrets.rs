//! Values that are not in the manifest: `${env:NAME}` and `${file:path}`.
//!
//! They are put in after the parse, into one scalar at a time, so that no value can change the manifest's
//! structure. No message and no `Debug` output holds one.

use std::fmt;

use crate::{
    app::EnvValue,
    wrong::{Wrong, shown},
};

/// Where secrets come from.
pub trait Secrets {
    /// The variable of the host's environment, if it is set.
    fn env(&self, name: &str) -> Option<String>;

    /// The content of a file; a relative path is relative to the manifest's folder. One line break at the
    /// end of the content is dropped by the manifest.
    ///
    /// # Errors
    /// Why the file could not be read, without any of its content.
    fn file(&self, path: &str) -> Result<String, String>;
}

/// A text that is never printed by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The secret itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Puts the secrets into a text. `$${` stands for `${`.
///
/// # Errors
/// Every reference that is malformed or leads nowhere.
pub(crate) fn interpolate(text: &str, secrets: &dyn Secrets) -> Result<EnvValue, Vec<Wrong>> {
    let (mut out, mut secret, mut wrongs) = (String::new(), false, Vec::new());
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let before = &rest[..start];
        rest = &rest[start + 2..];
        if let Some(before) = before.strip_suffix('$') {
            out.push_str(before);
            out.push_str("${");
            continue;
        }
        out.push_str(before);
        let Some((reference, after)) = rest.split_once('}') else {
            wrongs.push(Wrong::new("a `${` without its `}`").help("for the text `${` itself, write `$${`"));
            break;
        };
        rest = after;
        secret = true;
        match resolve(reference, secrets) {
            Ok(value) => out.push_str(&value),
            Err(wrong) => wrongs.push(wrong),
        }
    }
    out.push_str(rest);
    if wrongs.is_empty() && out.contains('\0') {
        wrongs.push(Wrong::new("a value with a NUL character"));
    }
    match (wrongs.is_empty(), secret) {
        (false, _) => Err(wrongs),
        (true, true) => Ok(EnvValue::Secret(Secret(out))),
        (true, false) => Ok(EnvValue::Plain(out)),
    }
}

fn resolve(reference: &str, secrets: &dyn Secrets) -> Result<String, Wrong> {
    const HELP: &str =
        "a reference is `${env:NAME}` or `${file:path}`; for the text `${` itself, write `$${`";
    match reference.split_once(':') {
        Some(("env" | "file", "")) => Err(Wrong::new(format!("`${{{reference}}}` names nothing")).help(HELP)),
        Some(("env", name)) => secrets.env(name).ok_or_else(|| {
            Wrong::new(format!("the environment variable {} is not set", shown(name)))
                .help("set it for the process that reads the manifest")
        }),
        Some(("file", path)) => match secrets.file(path) {
            Ok(mut content) => {
                if content.ends_with('\n') {
                    content.pop();
                    if content.ends_with('\r') {
                        content.pop();
                    }
                }
                Ok(content)
            }
            Err(why) => Err(Wrong::new(format!("cannot read the file {}: {why}", shown(path)))),
        },
        Some((source, _)) => {
            Err(Wrong::new(format!("unknown source {} of a value", shown(source))).help(HELP))
        }
        None => {
            Err(Wrong::new(format!("{} is no reference", shown(&format!("${{{reference}}}")))).help(HELP))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fake;

    impl Secrets for Fake {
        fn env(&self, name: &str) -> Option<String> {
            (name == "TOKEN").then(|| "hush${env:TOKEN}".to_owned())
        }

        fn file(&self, path: &str) -> Result<String, String> {
            match path {
                "key" => Ok("hush\r\n".to_owned()),
                "nul" => Ok("hu\0sh".to_owned()),
                _ => Err("no such file".to_owned()),
            }
        }
    }

    #[test]
    fn references_are_replaced_once() {
        let cases = [
            ("plain $x $ { }", "plain $x $ { }", false),
            ("", "", false),
            ("$${env:TOKEN}", "${env:TOKEN}", false),
            ("a$$${b", "a$${b", false),
            ("${env:TOKEN}", "hush${env:TOKEN}", true),
            ("Bearer ${file:key}!", "Bearer hush!", true),
            ("$${x} ${file:key}${file:key}", "${x} hushhush", true),
        ];
        for (text, expected, secret) in cases {
            let value = interpolate(text, &Fake).unwrap();
            assert_eq!(value.expose(), expected, "{text:?}");
            assert_eq!(matches!(value, EnvValue::Secret(_)), secret, "{text:?}");
            assert!(!secret || !format!("{value:?}").contains("hush"), "{text:?}");
        }
    }

    #[test]
    fn wrong_references_are_all_told_and_tell_nothing() {
        let cases = [
            ("${", 1),
            ("${env:TOKEN", 1),
            ("${env:}", 1),
            ("${file:}", 1),
            ("${NAME}", 1),
            ("${}", 1),
            ("${vault:x} ${env:NO} ${file:no} ${file:key}", 3),
            ("${file:nul}", 1),
        ];
        for (text, count) in cases {
            let wrongs = interpolate(text, &Fake).unwrap_err();
            assert_eq!(wrongs.len(), count, "{text:?}: {wrongs:?}");
            assert!(!format!("{wrongs:?}").contains("hu"), "{text:?}: {wrongs:?}");
        }
    }
}

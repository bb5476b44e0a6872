//! The report as one self-contained page.

use minijinja::value::Serde;
use minijinja::{Environment, HtmlEscape, Value, context};

use super::Document;

/// The page's template is at fault; a test renders it, so users do not meet this.
#[derive(Debug, thiserror::Error)]
#[error("the page template is at fault: {0:#}")]
pub struct PageError(#[from] minijinja::Error);

/// The whole page.
///
/// # Errors
/// Only if the template is wrong.
pub fn page(document: &Document) -> Result<String, PageError> {
    let mut templates = Environment::new();
    templates.add_filter("prose", |text: &str| Value::from_safe_string(prose(text)));
    templates.add_template("page.html", include_str!("../templates/page.html"))?;
    let style = include_str!("../templates/page.css");
    let script = include_str!("../templates/page.js");
    Ok(templates
        .get_template("page.html")?
        .render(context! { document => Value::from(Serde(document)), style, script })?)
}

/// Escaped text in which what stands between backticks is code.
fn prose(text: &str) -> String {
    let escaped = HtmlEscape(text).to_string();
    let parts: Vec<&str> = escaped.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return escaped;
    }
    let marked = parts.iter().enumerate().map(|(n, part)| match n % 2 {
        0 => (*part).to_owned(),
        _ => format!("<code>{part}</code>"),
    });
    marked.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_between_backticks_is_code() {
        assert_eq!(prose("run `mtl` & look at `a<b`"), "run <code>mtl</code> &amp; look at <code>a&lt;b</code>");
        assert_eq!(prose("a single ` stays"), "a single ` stays");
    }
}

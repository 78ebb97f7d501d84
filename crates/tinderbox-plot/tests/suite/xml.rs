//! A parser for the XML that figures are made of; it refuses what is not well-formed.

#[derive(Debug, Default)]
pub struct Element {
    pub name: String,
    pub attributes: Vec<(String, String)>,
    pub text: String,
}

impl Element {
    pub fn get(&self, name: &str) -> &str {
        let found = self
            .attributes
            .iter()
            .find(|(attribute, _)| attribute == name);
        found.map_or_else(|| panic!("no {name} in {self:?}"), |(_, value)| value)
    }

    pub fn number(&self, name: &str) -> f64 {
        self.get(name)
            .parse()
            .unwrap_or_else(|_| panic!("{name} in {self:?}"))
    }
}

/// All elements in the order of their opening tags.
pub fn elements(document: &str) -> Result<Vec<Element>, String> {
    let mut found: Vec<Element> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    let mut rest = document;
    while let Some(start) = rest.find('<') {
        let (text, tail) = rest.split_at(start);
        match open.last() {
            Some(&index) => found[index].text.push_str(unescape(text)?.trim()),
            None if !text.trim().is_empty() => return Err(format!("text outside: {text}")),
            None => {}
        }
        let end = tail.find('>').ok_or("a tag without an end")?;
        let tag = &tail[1..end];
        rest = &tail[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            let index = open
                .pop()
                .ok_or_else(|| format!("</{name}> closes nothing"))?;
            if found[index].name != name {
                return Err(format!("</{name}> closes <{}>", found[index].name));
            }
            continue;
        }
        if open.is_empty() && !found.is_empty() {
            return Err("a second root".to_owned());
        }
        if !tag.ends_with('/') {
            open.push(found.len());
        }
        found.push(element(tag.trim_end_matches('/'))?);
    }
    if !open.is_empty() || !rest.trim().is_empty() || found.is_empty() {
        return Err(format!("the document ends early or late: {rest}"));
    }
    Ok(found)
}

fn element(tag: &str) -> Result<Element, String> {
    let (name, mut rest) = tag.split_once(' ').unwrap_or((tag, ""));
    let mut attributes: Vec<(String, String)> = Vec::new();
    while let Some((attribute, tail)) = rest.trim_start().split_once("=\"") {
        let (value, tail) = tail
            .split_once('"')
            .ok_or_else(|| format!("no closing quote: {tag}"))?;
        if attributes.iter().any(|(name, _)| name == attribute) {
            return Err(format!("{attribute} twice: {tag}"));
        }
        attributes.push((attribute.to_owned(), unescape(value)?));
        rest = tail;
    }
    if !rest.trim().is_empty() || name.is_empty() {
        return Err(format!("not a tag: <{tag}>"));
    }
    Ok(Element {
        name: name.to_owned(),
        attributes,
        text: String::new(),
    })
}

fn unescape(text: &str) -> Result<String, String> {
    if let Some(bad) = text.chars().find(|c| c.is_control() && !c.is_whitespace()) {
        return Err(format!("forbidden character {bad:?}"));
    }
    let mut parts = text.split('&');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (entity, tail) = part
            .split_once(';')
            .ok_or_else(|| format!("bare & in {text}"))?;
        plain.push(match entity {
            "lt" => '<',
            "gt" => '>',
            "amp" => '&',
            "quot" => '"',
            "apos" => '\'',
            other => return Err(format!("unknown entity {other}")),
        });
        plain.push_str(tail);
    }
    Ok(plain)
}

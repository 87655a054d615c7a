//! A short reading of IAM's evaluation logic, written from its User Guide and sharing no code with
//! `kmsim::access`: policies are the JSON documents themselves, patterns are tried character by character.
//!
//! Sources: how AWS enforcement code evaluates requests, cross-account policy evaluation logic, the policy
//! elements `Principal`, `NotPrincipal`, `Resource` and `Condition`, condition operators, multivalued context
//! keys, policy variables, permissions boundaries; KMS Developer Guide, key policies (2026-11).

use serde_json::Value;
use std::net::IpAddr;

/// `allow`, `explicit deny` or `implicit deny`.
pub fn evaluate(case: &Value) -> &'static str {
    let request = &case["request"];
    let principal = text(&request["principal"]);
    let is_service = !principal.starts_with("arn:");
    let resource = documents(&case["resource"]);
    let control =
        |field: &str| -> Vec<Vec<&Value>> { list(&case[field]).into_iter().map(list).collect() };
    let (service_control, resource_control) = if is_service {
        (Vec::new(), control("resource_control"))
    } else {
        (control("service_control"), control("resource_control"))
    };
    let bounded = !case["boundary"].is_null();
    let identity = documents(&case["identity"]);
    let (boundary, session) = (documents(&case["boundary"]), documents(&case["session"]));
    let matched = |documents: &[&Value], effect: &str| -> Vec<Means> {
        let statements = documents.iter().flat_map(|d| {
            let statements = list(&d["Statement"]).into_iter();
            statements.map(move |s| (s, d["Version"] == "2012-10-17"))
        });
        let of_effect = statements.filter(|(s, _)| s["Effect"] == effect);
        let means = of_effect.map(|(s, variables)| applies(s, request, variables, bounded));
        means.filter(|means| *means != Means::Not).collect()
    };
    let levels = service_control.iter().chain(&resource_control);
    let all = [&resource, &identity, &boundary, &session];
    let all = all.into_iter().chain(levels.clone());
    if all
        .clone()
        .any(|documents| !matched(documents, "Deny").is_empty())
    {
        return "explicit deny";
    }
    let allows = |documents: &[&Value]| !matched(documents, "Allow").is_empty();
    let lets = |documents: &[&Value]| documents.is_empty() || allows(documents);
    let answer = |allowed| if allowed { "allow" } else { "implicit deny" };
    if !levels.clone().all(|documents| allows(documents)) {
        return answer(false);
    }
    let granted = matched(&resource, "Allow");
    if is_service {
        return answer(!granted.is_empty());
    }
    let by_session = if principal.contains(":federated-user/") {
        allows(&session)
    } else {
        lets(&session)
    };
    let limited = lets(&boundary) && by_session;
    let is_root = principal.ends_with(":root");
    let by_identity = (allows(&identity) || is_root) && limited;
    let account = principal.split(':').nth(4).unwrap_or_default();
    if account != text(&request["resource_account"]) {
        return answer(by_identity && !granted.is_empty());
    }
    let directly = granted.iter().any(|means| match means {
        Means::Itself => true,
        Means::Anyone => by_session,
        Means::ItsRole => limited,
        Means::ItsAccount | Means::Not => false,
    });
    // A key trusts IAM only where its policy allows the account; anything else trusts its own account.
    let trusted = !text(&request["resource"]).starts_with("arn:aws:kms:")
        || granted.contains(&Means::ItsAccount);
    answer(directly || (trusted && by_identity))
}

/// How a statement means the principal of a request.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Means {
    Not,
    ItsAccount,
    ItsRole,
    Anyone,
    Itself,
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(values) => values.iter().collect(),
        Value::Null => Vec::new(),
        one => vec![one],
    }
}

fn documents(value: &Value) -> Vec<&Value> {
    list(value)
}

fn applies(statement: &Value, request: &Value, variables: bool, bounded: bool) -> Means {
    let context = &request["context"];
    let lower = |text: &str| text.to_lowercase();
    let action = |a: &&Value| like(&plain(&lower(text(a))), &lower(text(&request["action"])));
    let resource = |r: &&Value| names(text(r), text(&request["resource"]), variables, context);
    for (is, is_not, matches) in [
        ("Action", "NotAction", &action as &dyn Fn(&&Value) -> bool),
        ("Resource", "NotResource", &resource),
    ] {
        let negated = statement.get(is).is_none();
        let of = list(&statement[if negated { is_not } else { is }]);
        if of.iter().any(matches) == negated {
            return Means::Not;
        }
    }
    let mut names_principals = false;
    for (operator, keys) in statement["Condition"].as_object().into_iter().flatten() {
        for (key, values) in keys.as_object().into_iter().flatten() {
            if !holds(operator, key, &list(values), variables, context) {
                return Means::Not;
            }
            let positive = !operator.contains("Not") && operator != "Null";
            names_principals |= positive && key.eq_ignore_ascii_case("aws:PrincipalArn");
        }
    }
    let principal = text(&request["principal"]);
    if let Some(of) = statement.get("Principal") {
        match entries(of)
            .map(|(kind, e)| means(kind, e, principal))
            .fold(Means::Not, most)
        {
            Means::Anyone if names_principals => Means::Itself,
            means => means,
        }
    } else if let Some(of) = statement.get("NotPrincipal") {
        let means = entries(of)
            .map(|(kind, e)| means(kind, e, principal))
            .fold(Means::Not, most);
        let excepted = match text(&statement["Effect"]) {
            "Deny" => !bounded && !matches!(means, Means::Not | Means::ItsAccount),
            _ => means != Means::Not,
        };
        if excepted { Means::Not } else { Means::Anyone }
    } else {
        Means::Itself
    }
}

fn most(a: Means, b: Means) -> Means {
    let order = [
        Means::Not,
        Means::ItsAccount,
        Means::ItsRole,
        Means::Anyone,
        Means::Itself,
    ];
    let rank = |means| order.iter().position(|o| *o == means);
    if rank(a) >= rank(b) { a } else { b }
}

fn entries(of: &Value) -> impl Iterator<Item = (&str, &str)> {
    let anyone = (of == "*").then_some(("AWS", "*"));
    let by_kind = of.as_object().into_iter().flatten();
    let named =
        by_kind.flat_map(|(kind, of)| list(of).into_iter().map(|e| (kind.as_str(), text(e))));
    anyone.into_iter().chain(named)
}

fn means(kind: &str, entry: &str, principal: &str) -> Means {
    let parts: Vec<&str> = principal.splitn(6, ':').collect();
    match (kind, parts.as_slice()) {
        ("AWS", _) if entry == "*" => Means::Anyone,
        ("Service", [service]) if entry == *service => Means::Itself,
        ("AWS", [_, partition, _, _, account, resource]) => {
            let root = format!("arn:{partition}:iam::{account}:root");
            let words: Vec<&str> = resource.split('/').collect();
            let last = entry.rsplit('/').next().unwrap_or_default();
            let of =
                |kind: &str| entry.starts_with(&format!("arn:{partition}:iam::{account}:{kind}/"));
            match words.as_slice() {
                ["role", ..] if entry == principal => Means::ItsRole,
                _ if entry == principal => Means::Itself,
                _ if entry == *account || entry == root => {
                    if principal == root {
                        Means::Itself
                    } else {
                        Means::ItsAccount
                    }
                }
                ["assumed-role", role, _] if of("role") && last.eq_ignore_ascii_case(role) => {
                    Means::ItsRole
                }
                ["federated-user", user] if of("user") && last == *user => Means::ItsRole,
                _ => Means::Not,
            }
        }
        _ => Means::Not,
    }
}

// ----- texts ------------------------------------------------------------------------------------------

/// A character of a pattern.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Token {
    Is(char),
    /// One character; false: but no colon.
    One(bool),
    /// Any run of them; false: but no colon.
    Run(bool),
    /// Nothing: a variable without a value.
    Never,
}

fn like(pattern: &[Token], text: &str) -> bool {
    let first = text.chars().next();
    let rest = |c: char| &text[c.len_utf8()..];
    match (pattern.split_first(), first) {
        (None, first) => first.is_none(),
        (Some((Token::Run(over), after)), first) => {
            let longer = first.filter(|c| *over || *c != ':');
            like(after, text) || longer.is_some_and(|c| like(pattern, rest(c)))
        }
        (Some((Token::Is(is), after)), Some(c)) => *is == c && like(after, rest(c)),
        (Some((Token::One(over), after)), Some(c)) => (*over || c != ':') && like(after, rest(c)),
        (Some(_), _) => false,
    }
}

fn plain(pattern: &str) -> Vec<Token> {
    let token = |c| match c {
        '*' => Token::Run(true),
        '?' => Token::One(true),
        c => Token::Is(c),
    };
    pattern.chars().map(token).collect()
}

/// The characters of a pattern with the values of its variables, which count from the colon `from` on.
fn tokens(pattern: &str, variables: bool, from: usize, wild: bool, context: &Value) -> Vec<Token> {
    let (mut tokens, mut rest, mut colons) = (Vec::new(), pattern, 0);
    while let Some(c) = rest.chars().next() {
        let variable = rest.strip_prefix("${").and_then(|r| r.split_once('}'));
        if let Some((inside, after)) = variable.filter(|_| variables) {
            if colons < from {
                tokens.extend(rest[..rest.len() - after.len()].chars().map(Token::Is));
            } else if matches!(inside, "*" | "?" | "$") {
                tokens.extend(inside.chars().map(Token::Is));
            } else {
                let (key, default) = inside.split_once(", ").unwrap_or((inside, ""));
                let default = default
                    .strip_prefix('\'')
                    .and_then(|d| d.strip_suffix('\''));
                match value(key, context).and_then(Value::as_str).or(default) {
                    Some(value) => tokens.extend(value.chars().map(Token::Is)),
                    None => tokens.push(Token::Never),
                }
            }
            rest = after;
            continue;
        }
        rest = &rest[c.len_utf8()..];
        let over = colons == 5 || rest.is_empty() || rest.starts_with(':');
        tokens.push(match c {
            '*' if wild => Token::Run(over),
            '?' if wild => Token::One(colons == 5),
            c => Token::Is(c),
        });
        colons = if c == ':' {
            (colons + 1).min(5)
        } else {
            colons
        };
    }
    tokens
}

/// Whether an entry of `Resource` stands for a resource. One with fewer than six parts is of an identity policy:
/// no other document of the test has one without a `*` that reaches on.
fn names(entry: &str, arn: &str, variables: bool, context: &Value) -> bool {
    let missing = 5_usize.saturating_sub(entry.matches(':').count());
    let completed = format!("{entry}{}", ":*".repeat(missing));
    let stands = |entry: &str| like(&tokens(entry, variables, 5, true, context), arn);
    entry == "*" || stands(entry) || (missing > 0 && stands(&completed))
}

// ----- conditions -------------------------------------------------------------------------------------

fn value<'c>(key: &str, context: &'c Value) -> Option<&'c Value> {
    let mut keys = context.as_object().into_iter().flatten();
    keys.find(|(k, _)| k.eq_ignore_ascii_case(key))
        .map(|(_, value)| value)
}

fn holds(operator: &str, key: &str, wanted: &[&Value], variables: bool, context: &Value) -> bool {
    let (set, base) = match operator.split_once(':') {
        Some((set, base)) => (Some(set), base),
        None => (None, operator),
    };
    let (base, if_exists) = match base.strip_suffix("IfExists") {
        Some(base) => (base, true),
        None => (base, false),
    };
    let found = value(key, context);
    if base == "Null" {
        return wanted
            .iter()
            .any(|w| text(w) == found.is_none().to_string());
    }
    let negated = base.contains("Not");
    let positive = base.replace("Not", "");
    let Some(found) = found else {
        return match set {
            Some(set) => set == "ForAllValues",
            None => negated || if_exists,
        };
    };
    let matches = |has: &&Value| {
        let equal = |w: &&Value| compares(&positive, text(w), text(has), variables, context);
        wanted.iter().any(equal) != negated
    };
    let values = list(found);
    match set {
        None => !found.is_array() && values.iter().all(matches),
        Some("ForAllValues") => {
            values.iter().all(|v| text(v).is_empty()) || values.iter().all(matches)
        }
        Some(_) => values.iter().any(matches),
    }
}

/// Whether a positive operator without prefix and suffix finds a value of the request to be the one wanted.
fn compares(operator: &str, wanted: &str, has: &str, variables: bool, context: &Value) -> bool {
    let equal = |wild| like(&tokens(wanted, variables, 0, wild, context), has);
    let number = |text: &str| text.parse::<f64>().ok();
    let ordered = |a: Option<f64>, b: Option<f64>, operator: &str| {
        let (Some(a), Some(b)) = (a, b) else {
            return false;
        };
        match operator {
            "Equals" => a == b,
            "LessThan" => a < b,
            "LessThanEquals" => a <= b,
            "GreaterThan" => a > b,
            _ => a >= b,
        }
    };
    match operator {
        "StringEquals" => equal(false),
        "StringLike" => {
            // In a text colons are characters like any other.
            let over = |token| match token {
                Token::Run(_) => Token::Run(true),
                Token::One(_) => Token::One(true),
                other => other,
            };
            let tokens = tokens(wanted, variables, 0, true, context).into_iter();
            like(&tokens.map(over).collect::<Vec<_>>(), has)
        }
        "StringEqualsIgnoreCase" => {
            let lower = |text: &str| text.to_lowercase();
            let filled = tokens(wanted, variables, 0, false, context);
            let filled: Option<String> = filled
                .into_iter()
                .map(|t| if let Token::Is(c) = t { Some(c) } else { None })
                .collect();
            filled.is_some_and(|filled| lower(&filled) == lower(has))
        }
        "ArnEquals" | "ArnLike" => {
            // Each part for itself: no `*` before the resource takes in a colon.
            let own = |token: &Token, colons: usize| match token {
                Token::Run(_) => Token::Run(colons == 5),
                other => *other,
            };
            let mut colons = 0;
            let tokens = tokens(wanted, variables, 0, true, context);
            let parted: Vec<Token> = tokens
                .iter()
                .map(|token| {
                    let token = own(token, colons);
                    colons = (colons + usize::from(token == Token::Is(':'))).min(5);
                    token
                })
                .collect();
            colons == 5 && has.matches(':').count() >= 5 && like(&parted, has)
        }
        "Bool" => {
            wanted.eq_ignore_ascii_case(has) && ["true", "false"].contains(&&*has.to_lowercase())
        }
        "IpAddress" => in_network(wanted, has).unwrap_or(false),
        numeric if numeric.starts_with("Numeric") => {
            ordered(number(has), number(wanted), &numeric[7..])
        }
        date => ordered(seconds(has), seconds(wanted), &date[4..]),
    }
}

fn in_network(network: &str, address: &str) -> Option<bool> {
    let bits = |address: IpAddr| match address {
        IpAddr::V4(a) => (32, u128::from(u32::from(a))),
        IpAddr::V6(a) => (128, u128::from(a)),
    };
    let (base, length) = network.split_once('/').unwrap_or((network, ""));
    let (width, base) = bits(base.parse().ok()?);
    let (other, address) = bits(address.parse().ok()?);
    let length: u32 = if length.is_empty() {
        width
    } else {
        length.parse().ok()?
    };
    let kept = |address: u128| address.checked_shr(width - length).unwrap_or(0);
    Some(width == other && kept(base) == kept(address))
}

/// Seconds since 1970 of `2026-11-24T18:00:00Z`, or of such a number.
fn seconds(text: &str) -> Option<f64> {
    let Some((date, time)) = text.split_once('T') else {
        return text.parse().ok();
    };
    let numbers = |text: &str, by: char| -> Option<Vec<i64>> {
        text.split(by).map(|n| n.parse().ok()).collect()
    };
    let ([year, month, day], [h, m, s]) = (
        <[i64; 3]>::try_from(numbers(date, '-')?).ok()?,
        <[i64; 3]>::try_from(numbers(time.strip_suffix('Z')?, ':')?).ok()?,
    );
    // Days of the Gregorian calendar, years counted from March.
    let (y, m0) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m0 + 2) / 5 + day - 719_469;
    Some((days * 86_400 + h * 3_600 + m * 60 + s) as f64)
}

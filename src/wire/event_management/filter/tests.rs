use super::*;
use proptest::prelude::*;
use serde_json::json;

/// An event as it is delivered.
fn event() -> Map<String, Value> {
    let event = json!({
        "eventId": "7",
        "eventType": "updated",
        "eventTime": "2026-03-01T12:00:00.000Z",
        "domain": "order",
        "priority": "2",
        "source": {"id": "as1", "name": "as1"},
        "vendor": "x",
        "analyticCharacteristic": [{"name": "status", "value": "ok"}, {"name": "count", "value": 3}],
        "event": {
            "id": "42", "state": "pending", "priority": 1, "big": 9007199254740993u64, "rate": 1.5, "open": true, "gone": null,
            "empty": [], "text": "a+b", "description": "of the order", "vendor": "y", "a.b": "dotted", "gt": 5, "version": "1.0",
            "date": "2026-03-01T13:00:00+01:00", "nested": {"deep": [[{"x": 1}], {"x": "z"}]},
            "items": [{"sku": "a", "n": 1}, {"sku": "b", "n": 20}], "odd;&=%": "yes", "": "nameless", "blank": ""
        }
    });
    let Value::Object(event) = event else { unreachable!() };
    event
}

#[test]
fn which_events_a_filter_takes() {
    let event = event();
    let check = |query: &str, expected: bool| {
        let filter = Filter::parse(query).unwrap_or_else(|error| panic!("{query}: {error}"));
        assert_eq!(filter.matches(&event), expected, "{query}");
    };
    for (query, expected) in [
        ("", true),
        ("?", true),
        ("eventType=updated", true),
        ("?eventType=updated", true),
        ("eventType=Updated", false),
        ("eventType=update", false),
        ("eventType=created,updated", true),
        ("eventType=created,deleted", false),
        ("eventType=updated&domain=order", true),
        ("eventType=updated&domain=inquiry", false),
        // What is not of the envelope is of the entity.
        ("state=pending", true),
        ("event.state=pending", true),
        ("state=done", false),
        ("id=42", true),
        ("source.id=as1", true),
        ("source.id=as2", false),
        // These are of the envelope, and there they are not.
        ("description=of the order", false),
        ("event.description=of the order", true),
        ("priority=2", true),
        ("priority=1", false),
        // Of those that the envelope may have beside them its own.
        ("vendor=x", true),
        ("vendor=y", false),
        ("event.vendor=y", true),
        // Numbers and texts.
        ("event.priority=1", true),
        ("event.priority=1.0", true),
        ("event.priority=01", false),
        ("event.priority=+1", false),
        ("id=42.0", false),
        ("rate=1.5", true),
        ("rate=15e-1", true),
        ("big=9007199254740993", true),
        ("big=9007199254740992", false),
        ("open=true", true),
        ("open=false", false),
        ("open=1", false),
        // Null, objects and empty lists never match.
        ("gone=null", false),
        ("gone=", false),
        ("nested=", false),
        ("empty=", false),
        ("event=", false),
        ("absent=", false),
        ("blank=", true),
        ("blank=x,", true),
        // Lists.
        ("items.sku=b", true),
        ("items.sku=c", false),
        ("items.sku=a&items.n=20", true),
        ("nested.deep.x=1", true),
        ("nested.deep.x=z", true),
        ("nested.deep=1", false),
        ("state.x=pending", false),
        ("analyticCharacteristic.value=ok", true),
        ("analyticCharacteristic.value=3", true),
        // Escapes.
        ("text=a+b", true),
        ("text=a%2Bb", true),
        ("text=a b", false),
        ("st%61te=pend%69ng", true),
        ("a%2Eb=dotted", true),
        ("a.b=dotted", false),
        ("odd%3B%26%3D%25=yes", true),
        ("state=pending%2Cdone", false),
        ("state=pending=x", false),
        // Greater and less.
        ("items.n.gt=19", true),
        ("items.n.gt=20", false),
        ("items.n.gte=20", true),
        ("items.n.lt=1", false),
        ("items.n.lte=1", true),
        ("items.n.gt=5&items.n.lt=5", true),
        ("priority.gt=1.5", true),
        ("id.gt=100", false),
        ("id.lt=100", true),
        ("big.gt=9007199254740992", true),
        ("state.gt=oz", true),
        ("state.gt=q", false),
        ("state.gt=5", false),
        ("open.gte=true", false),
        ("gone.lte=0", false),
        ("items.n.gt=100,10", true),
        ("eventTime.gt=2026-03-01T11:59:59Z", true),
        ("eventTime.gt=2026-03-01T13:00:00%2B01:00", false),
        ("eventTime.lte=2026-03-01T13:00:00+01:00", true),
        ("date.lt=2026-03-01T12:00:00.001Z", true),
        ("eventTime.gt=2026-02", true),
        ("gt=5", true),
        ("event.gt=5", false),
        ("event.g%74=5", true),
    ] {
        check(query, expected);
    }
}

#[test]
fn what_is_not_understood_is_refused() {
    use FilterError::*;
    let name = |name: &str| name.to_owned();
    let check = |query: &str, expected: FilterError| {
        assert_eq!(Filter::parse(query), Err(expected), "{query}");
    };
    check("=1", NoName);
    check("&", NoName);
    check("a=1&", NoName);
    check("a=1&&b=2", NoName);
    check("state", NoValue(name("state")));
    check("a..b=1", EmptyName(name("\"a..b\"")));
    check(".a=1", EmptyName(name("\".a\"")));
    check("a.=1", EmptyName(name("\"a.\"")));
    check(".gt=1", EmptyName(name("\"\"")));
    check("a=1;b=2", NotUnderstood(';'));
    check("a=1\n", NotUnderstood('\n'));
    for operator in ["a*=x", "a!=x", "a<=1", "a>=1", "a>1=", "a=~x", "a==x"] {
        check(
            operator,
            Operator(match operator {
                "a=~x" | "a==x" => name("a"),
                _ => shown(operator.split_once('=').map_or("", |(name, _)| name)),
            }),
        );
    }
    for operator in ["a>1", "a<1", "a~x"] {
        check(operator, Operator(shown(operator)));
    }
    let told = Filter::parse("a>1").expect_err("refused").to_string();
    assert!(told.starts_with("the query has \"a>1\"") && told.contains("NAME.gt=VALUE"), "{told}");
    check("a.regex=x", Operator(name("\"a.regex\"")));
    for escape in ["a=%", "a=%4", "a=%zz", "%=1", "a=%ff", "a=%C3"] {
        check(escape, Escape);
    }
}

#[test]
fn a_filter_is_bounded() {
    let parse = |query: String| Filter::parse(&query).map(|filter| filter.conditions.len());
    assert_eq!(parse(format!("a={}", "x".repeat(2_046))), Ok(1));
    assert_eq!(parse(format!("a={}", "x".repeat(2_047))), Err(FilterError::TooLong));
    assert_eq!(parse(["a=1"; 32].join("&")), Ok(32));
    assert_eq!(parse(["a=1"; 33].join("&")), Err(FilterError::TooManyConditions));
    assert_eq!(parse(format!("a={}", ["1"; 64].join(","))), Ok(1));
    assert_eq!(parse(format!("a={}", ["1"; 65].join(","))), Err(FilterError::TooManyValues("a".to_owned())));
    assert_eq!(parse(format!("{}=1", ["a"; 8].join("."))), Ok(1));
    assert!(matches!(parse(format!("{}=1", ["a"; 9].join("."))), Err(FilterError::TooDeep(_))));
}

proptest! {
    #[test]
    fn whatever_is_asked_there_is_an_answer(query in "[a-c.=&,%;?~0-9é]{0,40}") {
        if let Ok(filter) = Filter::parse(&query) {
            let _ = filter.matches(&event());
            prop_assert_eq!(filter.matches_all(), query.trim_start_matches('?').is_empty());
        }
    }

    #[test]
    fn a_value_that_is_escaped_as_a_whole_is_found(value in "\\PC{0,20}", other in "\\PC{0,20}") {
        let escape = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
        let Value::Object(event) = json!({"event": {"v": value}}) else { unreachable!() };
        let takes = |text: &str| Filter::parse(&format!("v={}", escape(text))).expect("a filter").matches(&event);
        prop_assert!(takes(&value));
        prop_assert_eq!(takes(&other), value == other);
    }

    #[test]
    fn numbers_have_one_order(value: i32, bound: i32) {
        let Value::Object(event) = json!({"event": {"v": value}}) else { unreachable!() };
        let holds = |test: &str| Filter::parse(&format!("v{test}={bound}")).expect("a filter").matches(&event);
        prop_assert_eq!(holds(""), value == bound);
        prop_assert_eq!(holds(".gt"), value > bound);
        prop_assert_eq!(holds(".gte"), value >= bound);
        prop_assert_eq!(holds(".lt"), value < bound);
        prop_assert_eq!(holds(".lte"), value <= bound);
    }
}

//! The act that has an action run on an Asterisk.

use super::Sources;
use super::acts::{actor, body, outcome, status_of, tidy};
use super::problem::{Problem, bad, problem};
use crate::connections::asterisk::{Answer, Headers, NotRun};
use crate::operators::{NoAnswer, RunOnAsterisk};
use crate::wire::mask_secrets;
use actix_web::http::StatusCode;
use actix_web::http::header::ContentType;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

/// What is to be run.
#[derive(Default, Deserialize, ToSchema)]
#[schema(as = AsteriskAction)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    /// The name of the action; one of `actions` of the configuration.
    #[serde(default)]
    #[schema(value_type = String, required)]
    action: Option<String>,
    /// Names and values; a list where a header comes several times.
    #[serde(default)]
    #[schema(value_type = std::collections::HashMap<String, Values>)]
    headers: Map<String, Value>,
    /// Why: one line of at most 500 characters, for the audit.
    #[schema(max_length = 500)]
    reason: Option<String>,
}

/// The value of a header, or a list of them. It is read as any value, to say by name which header has another.
#[derive(Serialize, ToSchema)]
#[schema(as = AsteriskHeader)]
#[serde(untagged)]
#[allow(dead_code, reason = "the description of the API alone has it")]
enum Values {
    One(String),
    Several(Vec<String>),
}

/// What the server answers. Secrets are masked.
#[derive(Serialize, ToSchema)]
#[schema(as = AsteriskAnswer)]
struct Answered {
    /// The name of the endpoint.
    connection: String,
    /// Headers of the response; a list where one comes several times.
    #[schema(value_type = Object)]
    response: Value,
    /// Lines that a command has printed.
    output: Vec<String>,
    /// Items of a list, and what ends it; each as `response`.
    #[schema(value_type = Vec<Object>)]
    events: Vec<Value>,
    /// There was more than a mebibyte, which is kept.
    truncated: bool,
}

/// Has an action run on an Asterisk. Answered with what the server says, also where that is an error.
#[utoipa::path(
    post,
    path = "/api/v1/asterisk/{name}/action",
    params(("name" = String, Path, description = "Name of the `[[asterisk]]`")),
    request_body = Wish,
    responses(
        (status = 200, description = "The server has answered", body = Answered),
        (status = 400, description = "The body does not fit, or a header cannot be written", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The action is not among those that the configuration allows, or a page of another site asks", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such Asterisk; those that there are", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It is not connected", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "The database refuses the line of the audit", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "It could not be recorded or was not answered in time; `detail` says whether it may have been carried out all the same", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn action(
    sources: Data<Sources>,
    name: Path<String>,
    request: HttpRequest,
    payload: Payload,
) -> HttpResponse {
    let done = try_run(&sources, name.into_inner(), &request, payload).await;
    done.unwrap_or_else(|answer| answer)
}

async fn try_run(
    sources: &Sources,
    asterisk: String,
    request: &HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, HttpResponse> {
    let Wish { action, headers, reason } = body(payload).await?;
    let action = action.ok_or_else(|| bad("the body lacks action: the name of what is to be run"))?;
    let headers = pairs(headers).map_err(bad)?;
    let reason = tidy(reason).map_err(bad)?;
    let connection = asterisk.clone();
    let act = RunOnAsterisk { asterisk, action, headers, actor: actor(request), reason };
    match outcome(sources.acts.send(act), "/api/v1/audit").await? {
        Ok(answer) => Ok(shown(connection, answer)),
        Err(no_answer) => Err(problem(status(&no_answer), no_answer.to_string())),
    }
}

/// Each header as often as it is given.
fn pairs(headers: Map<String, Value>) -> Result<Headers, String> {
    let mut pairs = Headers::new();
    for (name, value) in headers {
        let values = match value {
            Value::Array(values) => values,
            one => vec![one],
        };
        for value in values {
            let Value::String(value) = value else {
                return Err(format!("headers.{name}: is neither a string nor a list of strings"));
            };
            pairs.push((name.clone(), value));
        }
    }
    Ok(pairs)
}

fn shown(connection: String, answer: Answer) -> HttpResponse {
    let Answer { headers, output, events, truncated } = answer;
    let answered = Answered {
        connection,
        response: object(&headers),
        output: output.iter().map(|line| without_secret(line)).collect(),
        events: events.iter().map(object).collect(),
        truncated,
    };
    let text = serde_json::to_string(&answered).unwrap_or_default(); // strings and lists
    HttpResponse::Ok().content_type(ContentType::json()).body(mask_secrets(&text))
}

fn object(headers: &Headers) -> Value {
    let mut object = Map::new();
    for (name, value) in headers {
        match object.get_mut(name) {
            None => drop(object.insert(name.clone(), Value::from(value.as_str()))),
            Some(Value::Array(values)) => values.push(Value::from(value.as_str())),
            Some(one) => *one = json!([one.take(), value]),
        }
    }
    Value::Object(object)
}

/// A line that a command has printed, such as `  Secret  : 4711`.
fn without_secret(line: &str) -> String {
    let Some(at) = line.find([':', '=']) else { return line.to_owned() };
    let (name, value) = (line[..at].trim(), line[at + 1..].trim());
    let member = json!({ name: value }).to_string();
    if mask_secrets(&member) == member { line.to_owned() } else { format!("{} ***", &line[..=at]) }
}

fn status(no_answer: &NoAnswer) -> StatusCode {
    match no_answer {
        NoAnswer::Unknown { .. } => StatusCode::NOT_FOUND,
        NoAnswer::NotAllowed { .. } => StatusCode::FORBIDDEN,
        NoAnswer::Refused(refusal) => status_of(refusal),
        NoAnswer::NotRun { reason, .. } => match reason {
            NotRun::NotConnected(_) => StatusCode::CONFLICT,
            NotRun::Unwritable(_) => StatusCode::BAD_REQUEST,
            NotRun::Busy | NotRun::NotActive | NotRun::Late | NotRun::Lost => StatusCode::SERVICE_UNAVAILABLE,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_may_come_several_times_both_ways() {
        let headers = |value: Value| pairs(value.as_object().expect("an object").clone());
        let given = headers(json!({"Channel": "SIP/1", "Variable": ["a=1", "b=2"]})).expect("headers");
        let expected = [("Channel", "SIP/1"), ("Variable", "a=1"), ("Variable", "b=2")];
        let expected: Headers = expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        assert_eq!(given, expected);
        assert_eq!(object(&given), json!({"Channel": "SIP/1", "Variable": ["a=1", "b=2"]}));
        for wrong in [json!({"Timeout": 7}), json!({"X": [["a"]]}), json!({"X": null})] {
            assert!(headers(wrong).is_err_and(|error| error.contains("neither a string")));
        }
    }

    #[test]
    fn a_secret_that_a_command_prints_is_masked() {
        assert_eq!(without_secret("  Secret       : 4711"), "  Secret       : ***");
        assert_eq!(without_secret("password=4711"), "password= ***");
        assert_eq!(without_secret("Core: 4711"), "Core: 4711");
        assert_eq!(without_secret("é"), "é");
    }
}

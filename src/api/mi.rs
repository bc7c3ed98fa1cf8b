//! `POST /mi`: our own EVI over HTTP, in the JSON-RPC of OpenSIPS.

use super::Sources;
use super::access::Caller;
use super::acts::actor;
use super::problem::{Problem, bad, problem};
use crate::config::Role;
use crate::topics::evi_server::{Answered, Ask, EviServer, Question};
use crate::wire::mi::Request;
use actix::Addr;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpMessage, HttpRequest, HttpResponse};

/// Subscribes programs to events, lists events and subscribers, and raises events, as OpenSIPS' management interface does: a request
/// of JSON-RPC 2.0, or a list of at most 100. To list wants a viewer, to subscribe and to raise an operator. Errors of a command are
/// those of JSON-RPC, with the status 200.
#[utoipa::path(
    post,
    path = "/mi",
    request_body(content = serde_json::Value, description = "A request such as `{\"jsonrpc\":\"2.0\",\"method\":\"subscribers_list\",\"id\":1}`, or a list of such"),
    responses(
        (status = 200, description = "The answer of JSON-RPC, or a list of answers", body = serde_json::Value),
        (status = 204, description = "Carried out, and nothing is to be answered: no request has an id"),
        (status = 400, description = "The body cannot be read", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "A viewer may not act; a page of another site neither", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No `[evi]` is configured", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn mi(sources: Data<Sources>, request: HttpRequest, payload: Payload) -> HttpResponse {
    let Some(evi) = &sources.evi else {
        return problem(StatusCode::NOT_FOUND, "there is no [evi] in the configuration");
    };
    let body = match payload.to_bytes().await {
        Ok(body) => body,
        Err(error) => return bad(format!("the body cannot be read: {error}")),
    };
    let question = Question::of_json(&body);
    if question.requests().into_iter().any(is_act) && !may_act(&request) {
        return problem(StatusCode::FORBIDDEN, "the role of this token is viewer; to act wants operator");
    }
    let actor = actor(&request);
    match question.answer(false, async |request| ask(evi, request, &actor).await).await {
        Some(answer) => HttpResponse::Ok().content_type("application/json").body(answer),
        None => HttpResponse::NoContent().finish(),
    }
}

async fn ask(evi: &Addr<EviServer>, request: &Request, actor: &str) -> Answered {
    let ask = Ask { request: request.clone(), actor: actor.to_owned() };
    evi.send(ask).await.unwrap_or_else(|_| Answered::away())
}

fn is_act(request: &Request) -> bool {
    matches!(request, Request::Subscribe(_) | Request::Raise { .. })
}

fn may_act(request: &HttpRequest) -> bool {
    let extensions = request.extensions();
    extensions.get::<Caller>().is_some_and(|caller| caller.role == Some(Role::Operator))
}

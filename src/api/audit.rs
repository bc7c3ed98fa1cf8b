//! `GET /api/v1/audit`: what operators have done, the latest first.

use super::problem::{problem, unreadable};
use super::{Sources, seconds};
use crate::store::AuditLine;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Query};
use actix_web::{HttpResponse, Responder};
use serde_json::{Value, json};
use std::collections::HashMap;

/// Lines of a page unless asked for otherwise, and at most.
const LINES: usize = 100;
const MOST_LINES: usize = 1000;

/// A page; `next` is what `before` must be for the page behind it, null where there is none.
pub async fn list(sources: Data<Sources>, query: Query<HashMap<String, String>>) -> impl Responder {
    let (limit, before) = match page(&query) {
        Ok(page) => page,
        Err(detail) => return problem(StatusCode::BAD_REQUEST, detail),
    };
    match sources.store.audit(before, limit).await {
        Ok(lines) => {
            let next = lines.last().filter(|_| lines.len() == limit).map(|line| line.id);
            let acts: Vec<Value> = lines.iter().map(describe).collect();
            HttpResponse::Ok().json(json!({"acts": acts, "next": next}))
        }
        Err(error) => unreadable(&error),
    }
}

fn page(query: &HashMap<String, String>) -> Result<(usize, i64), String> {
    let (mut limit, mut before) = (LINES, i64::MAX);
    for (key, value) in query {
        match key.as_str() {
            "limit" => {
                let number = value.parse().ok().filter(|number| (1..=MOST_LINES).contains(number));
                limit = number
                    .ok_or_else(|| format!("parameter limit is not a number from 1 to {MOST_LINES}"))?;
            }
            "before" => {
                before = value.parse().map_err(|_| "parameter before is not the id of an act".to_owned())?;
            }
            _ => return Err(format!("there is no parameter {key:?}; known are limit and before")),
        }
    }
    Ok((limit, before))
}

fn describe(line: &AuditLine) -> Value {
    let act = &line.act;
    json!({
        "id": line.id,
        "at": seconds(act.at),
        "actor": act.actor,
        "act": act.act,
        "object": act.object,
        "detail": act.detail,
    })
}

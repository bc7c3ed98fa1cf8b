//! `GET /openapi.json`: the API as OpenAPI 3.1, generated from its handlers.
//!
//! Each handler carries its own description, so that a change of one is a change of the other; [`Api`] lists them.

use super::problem::Problem;
use super::{audit, reprovision, subscribers};
use actix_web::{HttpResponse, Responder};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};

#[derive(OpenApi)]
#[openapi(
    info(title = "eventmanager", description = "Events of a telephone platform: see them, and act on them."),
    paths(audit::list, subscribers::list, subscribers::show, reprovision::plan, reprovision::act),
    components(schemas(Problem)),
    modifiers(&Bearer),
    security(("bearer" = []), ())
)]
struct Api;

/// How `[[http.token]]` is presented.
struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        document.components.get_or_insert_default().add_security_scheme("bearer", scheme);
    }
}

/// `GET /openapi.json`.
pub async fn document() -> impl Responder {
    HttpResponse::Ok().json(Api::openapi())
}

//! `GET /openapi.json`: the API as OpenAPI 3.1, generated from its handlers.
//!
//! Each handler carries its own description, so that a change of one is a change of the other; [`Api`] lists them.

use super::access::{COOKIE_NAME, CSRF_HEADER};
use super::problem::Problem;
use super::{
    asterisk, audit, bulk, cluster, event, event_acts, event_management, event_plan, events, faults, health,
    hubs, kamailio, legacy, log, metrics, mi, reprovision, session, states, status, stream, subscribers,
    systems,
};
use actix_web::{HttpResponse, Responder};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};

#[derive(OpenApi)]
#[openapi(
    info(title = "eventmanager", description = "Events of a telephone platform: see them, and act on them."),
    paths(
        events::list,
        event::detail,
        event_plan::plan,
        event_acts::retry,
        event_acts::resolve,
        bulk::prepare,
        bulk::show,
        bulk::run,
        bulk::cancel,
        faults::list,
        faults::commands,
        subscribers::list,
        subscribers::show,
        reprovision::plan,
        reprovision::act,
        stream::stream,
        status::status,
        systems::list,
        systems::pause,
        systems::resume,
        kamailio::send,
        asterisk::action,
        states::list,
        states::peers,
        hubs::list,
        hubs::show,
        hubs::remove,
        hubs::halt,
        hubs::resume,
        hubs::skip,
        hubs::replay,
        event_management::topics,
        event_management::topic,
        event_management::hubs,
        event_management::register,
        event_management::hub,
        event_management::hub_of_topic,
        event_management::remove,
        event_management::remove_of_topic,
        event_management::events,
        event_management::post,
        event_management::event,
        audit::list,
        cluster::show,
        cluster::hand_over,
        log::show,
        log::set,
        mi::mi,
        session::show,
        session::log_in,
        session::log_out,
        health::tree,
        health::health,
        health::ready,
        metrics::metrics,
        legacy::alive_check,
        legacy::list,
        legacy::document,
        document,
    ),
    components(schemas(Problem, events::Summary)),
    modifiers(&Bearer),
    security(("bearer" = []), ("session" = []), ("session" = [], "csrf" = []), ())
)]
struct Api;

/// How `[[http.token]]` is presented: with each request, or once at a login. Acts with a session show its CSRF token, too.
struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        components.add_security_scheme("bearer", bearer);
        let session = SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(COOKIE_NAME)));
        components.add_security_scheme("session", session);
        let csrf = SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new(CSRF_HEADER)));
        components.add_security_scheme("csrf", csrf);
    }
}

/// This description.
#[utoipa::path(
    get,
    path = "/openapi.json",
    responses((status = 200, description = "OpenAPI 3.1", body = serde_json::Value))
)]
pub async fn document() -> impl Responder {
    HttpResponse::Ok().json(Api::openapi())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// The paths that `routes` has, with what is served beside the API left out: pages for people.
    fn routed() -> BTreeSet<String> {
        let source = include_str!("mod.rs");
        let routes = source.split("fn routes(").nth(1).and_then(|rest| rest.split("\n}").next());
        let literals = routes.expect("a list of routes").split('"').skip(1).step_by(2);
        let paths = literals.filter(|path| path.starts_with('/'));
        // Named by a constant, which the cookie needs too.
        let paths = paths.chain([super::super::access::SESSION_PATH]).map(str::to_owned);
        // These are routed by what lies behind a base path.
        let paths =
            paths.chain(event_management::PATHS.iter().map(|path| format!("/psi-api/event/v2{path}")));
        paths.filter(|path| *path != "/" && !path.starts_with("/assets")).collect()
    }

    #[test]
    fn every_path_that_is_routed_is_described_and_the_other_way_round() {
        let described: BTreeSet<String> = Api::openapi().paths.paths.into_keys().collect();
        assert!(described.len() > 10, "{described:?}");
        assert_eq!(routed(), described);
    }
}

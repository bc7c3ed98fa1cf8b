//! The monitor page: `/` and its parts below `/assets/`, compiled into the program.
//!
//! It is a page of plain modules that asks `/api/v1` as any other client does. Nothing in it is secret or of this
//! installation, so that it is open to everybody: who is not known sees the form to log in.

mod assets;

use super::problem::not_found;
use actix_web::http::header::{self, ETag, EntityTag, Header, IfNoneMatch};
use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse};
use assets::{Asset, INDEX};
use sha2::{Digest, Sha256};

/// `GET /`: the page.
pub async fn index(request: HttpRequest) -> HttpResponse {
    serve(&INDEX, &request)
}

/// `GET /assets/{name}`: a part of it.
pub async fn asset(request: HttpRequest, name: Path<String>) -> HttpResponse {
    match assets::find(&name) {
        Some(asset) => serve(asset, &request),
        None => not_found(request).await,
    }
}

/// The text, or 304 where the browser has it: it asks each time, so that no old part meets a new daemon.
fn serve(asset: &Asset, request: &HttpRequest) -> HttpResponse {
    let tag = asset.tag();
    let known = IfNoneMatch::parse(request).is_ok_and(|known| match known {
        IfNoneMatch::Any => true,
        IfNoneMatch::Items(tags) => tags.iter().any(|known| known.weak_eq(&tag)),
    });
    let mut answer = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    answer.insert_header(ETag(tag)).insert_header((header::CACHE_CONTROL, "no-cache"));
    if known {
        return answer.finish();
    }
    answer.content_type(asset.kind()).body(asset.text)
}

impl Asset {
    /// Of its content.
    fn tag(&self) -> EntityTag {
        let digest = Sha256::digest(self.text);
        EntityTag::new_strong(digest[..8].iter().map(|byte| format!("{byte:02x}")).collect())
    }

    fn kind(&self) -> &'static str {
        match self.name.rsplit_once('.').map(|(_, ending)| ending) {
            Some("html") => "text/html; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("svg") => "image/svg+xml",
            _ => "text/javascript; charset=utf-8",
        }
    }
}

//! Parameters of a query, with errors that name the parameter.

use super::problem::bad;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::middleware::Next;
use actix_web::{Error, FromRequest, HttpRequest};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::future::{Ready, ready};

/// The query of a request as `T`; what does not fit is answered 400. `T` denies unknown fields, so that a misspelt
/// filter is not taken for no filter.
pub struct Parameters<T>(pub T);

impl<T: DeserializeOwned> FromRequest for Parameters<T> {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(parse(request.query_string()).map(Parameters).map_err(|reason| {
            let answer = bad(&reason);
            InternalError::from_response(reason, answer).into()
        }))
    }
}

/// What a query says; the error names the parameter that is wrong.
pub fn parse<T: DeserializeOwned>(query: &str) -> Result<T, String> {
    let pairs = serde_urlencoded::Deserializer::new(form_urlencoded::parse(query.as_bytes()));
    serde_path_to_error::deserialize(pairs).map_err(|error| {
        let (path, reason) = (error.path().to_string(), error.inner().to_string());
        if path == "." { reason } else { format!("parameter {path}: {reason}") }
    })
}

/// Refuses a request with parameters, for paths that take none.
pub async fn none(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    if let Some((name, _)) = form_urlencoded::parse(request.query_string().as_bytes()).next() {
        let answer = bad(format!("parameter {name}: this path takes no parameters"));
        return Ok(request.into_response(answer));
    }
    next.call(request).await.map(ServiceResponse::map_into_boxed_body)
}

/// How many entries a page has: 1 to `MOST`, `DEFAULT` where nobody says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u64")]
pub struct Limit<const DEFAULT: usize, const MOST: usize>(usize);

impl<const DEFAULT: usize, const MOST: usize> Limit<DEFAULT, MOST> {
    pub fn get(self) -> usize {
        self.0
    }
}

impl<const DEFAULT: usize, const MOST: usize> Default for Limit<DEFAULT, MOST> {
    fn default() -> Self {
        Limit(DEFAULT)
    }
}

impl<const DEFAULT: usize, const MOST: usize> TryFrom<u64> for Limit<DEFAULT, MOST> {
    type Error = String;

    fn try_from(number: u64) -> Result<Self, String> {
        let number = usize::try_from(number).ok().filter(|number| (1..=MOST).contains(number));
        number.map(Limit).ok_or_else(|| format!("not a number from 1 to {MOST}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Page {
        limit: Limit<100, 1000>,
        before: Option<i64>,
    }

    #[test]
    fn an_error_names_the_parameter() {
        let check = |query: &str, expected: Result<(usize, Option<i64>), &str>| {
            let page: Result<Page, String> = parse(query);
            let page = page.map(|page| (page.limit.get(), page.before));
            assert_eq!(page, expected.map_err(str::to_owned), "{query}");
        };
        check("", Ok((100, None)));
        check("limit=5&before=-7", Ok((5, Some(-7))));
        check("limit=0", Err("parameter limit: not a number from 1 to 1000"));
        check("limit=1001", Err("parameter limit: not a number from 1 to 1000"));
        check("limit=", Err("parameter limit: cannot parse integer from empty string"));
        check("before=x", Err("parameter before: invalid digit found in string"));
        check("limit=1&limit=2", Err("duplicate field `limit`"));
        check("limmit=1", Err("parameter limmit: unknown field `limmit`, expected `limit` or `before`"));
    }
}

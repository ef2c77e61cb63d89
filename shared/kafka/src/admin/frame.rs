//! Frames: a length, a header with a correlation id, a message of Kafka's protocol.
//!
//! It knows nothing of connections or of what messages mean.

use std::io;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::error::{AdminCode, AdminError};

/// Bytes of a request: a thousand settings of a thousand characters.
const REQUEST_BYTES_MAX: usize = 1 << 20;
/// Bytes of an answer: what a cluster says of ten thousands of partitions.
const ANSWER_BYTES_MAX: usize = 16 << 20;
const LENGTH_BYTES: usize = 4;

/// Writes a request as it goes over the connection.
pub(crate) fn frame<R: Request>(
    request: &R,
    version: i16,
    correlation_id: i32,
    client_id: &StrBytes,
) -> Result<Bytes, AdminError> {
    let header = RequestHeader::default()
        .with_request_api_key(R::KEY)
        .with_request_api_version(version)
        .with_correlation_id(correlation_id)
        .with_client_id(Some(client_id.clone()));
    let mut message = BytesMut::new();
    let encoded = header
        .encode(&mut message, R::header_version(version))
        .and_then(|()| request.encode(&mut message, version));
    let refused = |why: String| AdminError::new(AdminCode::InvalidRequest, why);
    encoded.map_err(|error| refused(format!("the request cannot be written: {error}")))?;
    let bytes = message.len();
    let length = u32::try_from(bytes)
        .ok()
        .filter(|_| bytes <= REQUEST_BYTES_MAX);
    let length = length.ok_or_else(|| {
        refused(format!(
            "the request has {bytes} bytes; at most {REQUEST_BYTES_MAX} are sent"
        ))
    })?;
    let mut frame = BytesMut::with_capacity(LENGTH_BYTES + bytes);
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(&message);
    Ok(frame.freeze())
}

/// Reads what follows the next length.
///
/// # Errors
/// [`io::ErrorKind::InvalidData`] if the length is none that an answer has; else what the connection says.
pub(crate) async fn read_frame(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Bytes> {
    let length = stream.read_i32().await?;
    let bytes = usize::try_from(length).ok();
    let bytes = bytes
        .filter(|bytes| *bytes <= ANSWER_BYTES_MAX)
        .ok_or_else(|| {
            let message = format!(
                "an answer of {length} bytes is announced; at most {ANSWER_BYTES_MAX} are read"
            );
            io::Error::new(io::ErrorKind::InvalidData, message)
        })?;
    // It grows as bytes arrive: an announced length costs nothing.
    let mut message = Vec::new();
    let read = stream.take(bytes as u64).read_to_end(&mut message).await?;
    if read < bytes {
        let message = format!("the answer ends after {read} of {bytes} bytes");
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
    }
    Ok(message.into())
}

/// Reads the answer to a request; what is wrong with it is said as text.
pub(crate) fn parsed<R: Request>(
    mut message: Bytes,
    version: i16,
    correlation_id: i32,
) -> Result<R::Response, String> {
    let unreadable =
        |part: &str, error: &dyn std::fmt::Display| format!("the {part} cannot be read: {error}");
    let header = ResponseHeader::decode(&mut message, R::Response::header_version(version));
    let header = header.map_err(|error| unreadable("answer's header", &error))?;
    if header.correlation_id != correlation_id {
        return Err(format!(
            "the answer is to request {}, not to {correlation_id}",
            header.correlation_id
        ));
    }
    let answer = R::Response::decode(&mut message, version);
    answer.map_err(|error| unreadable("answer", &error))
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::create_topics_response::CreatableTopicResult;
    use kafka_protocol::messages::metadata_response::{
        MetadataResponseBroker, MetadataResponseTopic,
    };
    use kafka_protocol::messages::{
        ApiVersionsRequest, CreateTopicsRequest, CreateTopicsResponse, MetadataRequest,
        MetadataResponse, TopicName,
    };

    use super::*;

    fn answer_of<R: Request>(answer: &R::Response, version: i16, correlation_id: i32) -> Bytes {
        let mut bytes = BytesMut::new();
        ResponseHeader::default()
            .with_correlation_id(correlation_id)
            .encode(&mut bytes, R::Response::header_version(version))
            .unwrap();
        answer.encode(&mut bytes, version).unwrap();
        bytes.freeze()
    }

    #[test]
    fn a_request_is_written_as_the_protocol_has_it() {
        let client_id = StrBytes::from_static_str("me");
        let written = frame(&ApiVersionsRequest::default(), 0, 7, &client_id).unwrap();
        let expected = [
            0, 0, 0, 12, // bytes
            0, 18, 0, 0, // request 18, version 0
            0, 0, 0, 7, // correlation id
            0, 2, b'm', b'e',
        ];
        assert_eq!(written.as_ref(), expected);
    }

    #[test]
    fn a_request_that_is_too_large_is_refused_before_it_is_sent() {
        let name = StrBytes::from_string("a".repeat(30_000));
        let topic = kafka_protocol::messages::create_topics_request::CreatableTopic::default()
            .with_name(TopicName(name));
        let request = CreateTopicsRequest::default().with_topics(vec![topic; 40]);
        let error = frame(&request, 5, 1, &StrBytes::new()).unwrap_err();
        assert_eq!(error.code, AdminCode::InvalidRequest);
        assert!(error.message.contains("at most 1048576"), "{error}");
    }

    #[tokio::test]
    async fn a_frame_has_exactly_the_bytes_of_its_length() {
        let mut stream: &[u8] = &[0, 0, 0, 3, 1, 2, 3, 4];
        assert_eq!(read_frame(&mut stream).await.unwrap().as_ref(), [1, 2, 3]);
        assert_eq!(stream, [4]);
    }

    #[tokio::test]
    async fn a_length_that_no_answer_has_is_refused_without_reading_on() {
        for length in [-1, i32::MIN, i32::MAX, 0x4854_5450, (16 << 20) + 1] {
            let bytes = length.to_be_bytes();
            let error = read_frame(&mut bytes.as_slice()).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{length}");
        }
    }

    #[tokio::test]
    async fn an_answer_that_ends_early_is_a_lost_connection() {
        for cut in [&[][..], &[0, 0], &[0, 0, 0, 3], &[0, 0, 0, 3, 1, 2]] {
            let mut stream = cut;
            let error = read_frame(&mut stream).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{cut:?}");
        }
    }

    #[test]
    fn an_answer_to_another_request_is_refused() {
        let bytes = answer_of::<MetadataRequest>(&MetadataResponse::default(), 9, 5);
        let why = parsed::<MetadataRequest>(bytes, 9, 6).unwrap_err();
        assert!(why.contains("to request 5, not to 6"), "{why}");
    }

    #[test]
    fn answers_that_are_cut_anywhere_are_refused_and_nothing_panics() {
        let name = || TopicName(StrBytes::from_static_str("orders"));
        let result = CreatableTopicResult::default()
            .with_name(name())
            .with_error_message(Some(StrBytes::from_static_str("why not")));
        let created = CreateTopicsResponse::default().with_topics(vec![result]);
        let topic = MetadataResponseTopic::default().with_name(Some(name()));
        let broker = MetadataResponseBroker::default().with_host(StrBytes::from_static_str("b-1"));
        let metadata = MetadataResponse::default()
            .with_topics(vec![topic])
            .with_brokers(vec![broker]);
        for version in 4..=6 {
            cut_everywhere::<CreateTopicsRequest>(&created, version);
        }
        for version in 4..=9 {
            cut_everywhere::<MetadataRequest>(&metadata, version);
        }
    }

    fn cut_everywhere<R: Request>(answer: &R::Response, version: i16) {
        let whole = answer_of::<R>(answer, version, 1);
        assert!(parsed::<R>(whole.clone(), version, 1).is_ok(), "{version}");
        for end in 0..whole.len() {
            assert!(
                parsed::<R>(whole.slice(..end), version, 1).is_err(),
                "{version}: {end}"
            );
        }
    }
}

//! The texts: a subject, and lines with `{names}` of data.
//!
//! Each text says something when no data is there.

use event_schema::events::NotificationKind as Kind;

type Template = (&'static str, &'static [&'static str]);

#[allow(
    clippy::too_many_lines,
    reason = "a list of texts, whose kinds the compiler counts"
)]
pub(super) fn english(kind: &Kind) -> Option<Template> {
    Some(match kind {
        Kind::OrderPlaced => (
            "Your order is placed",
            &["Thank you: your order is placed.", "Order: {order_id}"],
        ),
        Kind::OrderRejected => (
            "Your order could not be placed",
            &[
                "We are sorry: something that you ordered is not in stock. You pay nothing.",
                "Order: {order_id}",
            ],
        ),
        Kind::PaymentCompleted => (
            "We have received your payment",
            &[
                "Thank you: your payment has arrived.",
                "Order: {order_id}",
                "Reservation: {reservation_id}",
                "Amount: {amount}",
            ],
        ),
        Kind::PaymentFailed => (
            "Your payment did not succeed",
            &[
                "We are sorry: your payment did not succeed, and nothing was taken.",
                "Order: {order_id}",
                "Reservation: {reservation_id}",
                "Amount: {amount}",
            ],
        ),
        Kind::RefundDue => (
            "A refund is due",
            &[
                "A payment paid for nothing, and the money has to go back.",
                "Order: {order_id}",
                "Reservation: {reservation_id}",
                "Payment: {payment_id}",
                "Amount: {amount}",
                "Reason: {reason}",
            ],
        ),
        Kind::LowStock => (
            "A product is running out",
            &[
                "A product has fewer pieces left than it should.",
                "Product: {product_id}",
                "Pieces left: {available}",
            ],
        ),
        Kind::Welcome => (
            "Welcome",
            &[
                "Your account is ready.",
                "Name: {name}",
                "Coupon: {coupon_id}",
            ],
        ),
        Kind::CouponIssued => (
            "Your coupon is here",
            &["A coupon was issued to you.", "Coupon: {coupon_id}"],
        ),
        Kind::CouponRefused => (
            "No coupon was left for you",
            &[
                "We are sorry: you could not be given a coupon.",
                "Coupon: {coupon_id}",
            ],
        ),
        Kind::ReservationCreated => (
            "Your seat is held for you",
            &[
                "Your reservation is made. Please pay for it in time.",
                "Reservation: {reservation_id}",
                "Concert: {concert_id}",
                "Seat: {seat}",
            ],
        ),
        Kind::ReservationRefused => (
            "Your reservation could not be made",
            &[
                "We are sorry: there is no seat for you. You are on the waiting list.",
                "Reservation: {reservation_id}",
                "Concert: {concert_id}",
                "Seat: {seat}",
            ],
        ),
        Kind::ReservationExpired => (
            "Your reservation has expired",
            &[
                "Your seat was not paid for in time, and somebody else has it now.",
                "Reservation: {reservation_id}",
                "Concert: {concert_id}",
                "Seat: {seat}",
            ],
        ),
        Kind::ConcertSoldOut => (
            "The concert is sold out",
            &[
                "We are sorry: the concert that you are waiting for is sold out.",
                "Concert: {concert_id}",
            ],
        ),
        Kind::MetricThreshold => (
            "A metric has crossed its threshold",
            &[
                "A value lies beyond its threshold.",
                "Metric: {metric_name}",
                "Tags: {tags}",
                "Minute: {minute}",
                "Value: {value}, {crossed} {threshold}",
            ],
        ),
        Kind::CriticalError => (
            "A service has met a critical error",
            &[
                "A critical error was logged.",
                "Service: {service}",
                "Kind: {error_type}",
                "Message: {message}",
                "Errors so far: {count}, since {first_seen}",
                "Fingerprint: {fingerprint}",
            ],
        ),
        Kind::Other(_) => return None,
    })
}

#[allow(
    clippy::too_many_lines,
    reason = "a list of texts, whose kinds the compiler counts"
)]
pub(super) fn korean(kind: &Kind) -> Option<Template> {
    Some(match kind {
        Kind::OrderPlaced => (
            "주문이 접수되었습니다",
            &[
                "감사합니다. 주문이 접수되었습니다.",
                "주문 번호: {order_id}",
            ],
        ),
        Kind::OrderRejected => (
            "주문이 접수되지 못했습니다",
            &[
                "죄송합니다. 주문하신 상품의 재고가 부족합니다. 결제되지 않았습니다.",
                "주문 번호: {order_id}",
            ],
        ),
        Kind::PaymentCompleted => (
            "결제가 완료되었습니다",
            &[
                "감사합니다. 결제가 완료되었습니다.",
                "주문 번호: {order_id}",
                "예약 번호: {reservation_id}",
                "금액: {amount}",
            ],
        ),
        Kind::PaymentFailed => (
            "결제에 실패했습니다",
            &[
                "죄송합니다. 결제에 실패하여 금액이 청구되지 않았습니다.",
                "주문 번호: {order_id}",
                "예약 번호: {reservation_id}",
                "금액: {amount}",
            ],
        ),
        Kind::RefundDue => (
            "환불이 필요합니다",
            &[
                "결제된 금액을 돌려드려야 합니다.",
                "주문 번호: {order_id}",
                "예약 번호: {reservation_id}",
                "결제 번호: {payment_id}",
                "금액: {amount}",
                "사유: {reason}",
            ],
        ),
        Kind::LowStock => (
            "상품 재고가 부족합니다",
            &[
                "상품의 재고가 기준보다 적습니다.",
                "상품: {product_id}",
                "남은 수량: {available}",
            ],
        ),
        Kind::Welcome => (
            "가입을 환영합니다",
            &[
                "계정이 준비되었습니다.",
                "이름: {name}",
                "쿠폰: {coupon_id}",
            ],
        ),
        Kind::CouponIssued => (
            "쿠폰이 발급되었습니다",
            &["쿠폰이 발급되었습니다.", "쿠폰: {coupon_id}"],
        ),
        Kind::CouponRefused => (
            "쿠폰이 발급되지 못했습니다",
            &[
                "죄송합니다. 쿠폰을 발급해 드리지 못했습니다.",
                "쿠폰: {coupon_id}",
            ],
        ),
        Kind::ReservationCreated => (
            "좌석이 예약되었습니다",
            &[
                "예약이 접수되었습니다. 기한 내에 결제해 주세요.",
                "예약 번호: {reservation_id}",
                "공연: {concert_id}",
                "좌석: {seat}",
            ],
        ),
        Kind::ReservationRefused => (
            "예약이 접수되지 못했습니다",
            &[
                "죄송합니다. 남은 좌석이 없어 대기 명단에 등록되었습니다.",
                "예약 번호: {reservation_id}",
                "공연: {concert_id}",
                "좌석: {seat}",
            ],
        ),
        Kind::ReservationExpired => (
            "예약이 만료되었습니다",
            &[
                "기한 내에 결제되지 않아 좌석이 다른 분께 배정되었습니다.",
                "예약 번호: {reservation_id}",
                "공연: {concert_id}",
                "좌석: {seat}",
            ],
        ),
        Kind::ConcertSoldOut => (
            "공연이 매진되었습니다",
            &[
                "죄송합니다. 기다리시는 공연이 매진되었습니다.",
                "공연: {concert_id}",
            ],
        ),
        Kind::MetricThreshold => (
            "지표가 임계값을 넘었습니다",
            &[
                "값이 임계값을 벗어났습니다.",
                "지표: {metric_name}",
                "태그: {tags}",
                "시각: {minute}",
                "값: {value}, {crossed} {threshold}",
            ],
        ),
        Kind::CriticalError => (
            "서비스에 심각한 오류가 발생했습니다",
            &[
                "심각한 오류가 기록되었습니다.",
                "서비스: {service}",
                "종류: {error_type}",
                "내용: {message}",
                "누적 오류: {count}, 최초 {first_seen}",
                "지문: {fingerprint}",
            ],
        ),
        Kind::Other(_) => return None,
    })
}

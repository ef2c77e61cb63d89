import java.net.URI;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import javax.security.auth.callback.Callback;
import javax.security.auth.callback.UnsupportedCallbackException;
import javax.security.auth.login.AppConfigurationEntry;
import org.apache.kafka.common.security.auth.AuthenticateCallbackHandler;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerToken;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerValidatorCallback;

/**
 * Checks tokens as Amazon MSK does: a presigned request to connect, for this region's host, by a known key, with a
 * right signature and not expired. Each decision is a line of a log file: accepted or refused, the token's digest, why.
 */
public class IamValidator implements AuthenticateCallbackHandler {
    private static final String REGION = System.getProperty("iam.region");
    private static final String ACCESS_KEY = System.getProperty("iam.access.key");
    private static final String SECRET_KEY = System.getProperty("iam.secret.key");
    private static final Path LOG = Path.of(System.getProperty("iam.log"));
    private static final DateTimeFormatter AMZ_DATE =
        DateTimeFormatter.ofPattern("yyyyMMdd'T'HHmmss'Z'").withZone(ZoneOffset.UTC);

    /** The same with a clock an hour ahead: every token has expired. */
    public static final class Late extends IamValidator {
        @Override
        Instant now() {
            return Instant.now().plusSeconds(3600);
        }
    }

    Instant now() {
        return Instant.now();
    }

    @Override
    public void configure(Map<String, ?> configs, String mechanism, List<AppConfigurationEntry> entries) {
    }

    @Override
    public void close() {
    }

    @Override
    public void handle(Callback[] callbacks) throws UnsupportedCallbackException {
        for (Callback callback : callbacks) {
            if (!(callback instanceof OAuthBearerValidatorCallback validation)) {
                throw new UnsupportedCallbackException(callback);
            }
            String token = validation.tokenValue();
            try {
                validation.token(checked(token));
                log("accepted", token, "-");
            } catch (Exception refused) {
                log("refused", token, String.valueOf(refused.getMessage()));
                // MSK says no more than this.
                validation.error("Access denied", null, null);
            }
        }
    }

    private OAuthBearerToken checked(String token) throws Exception {
        URI url = URI.create(new String(Base64.getUrlDecoder().decode(token), StandardCharsets.UTF_8));
        TreeMap<String, String> query = new TreeMap<>();
        for (String pair : url.getRawQuery().split("&")) {
            String[] parts = pair.split("=", 2);
            query.put(decoded(parts[0]), decoded(parts[1]));
        }
        String[] scope = query.get("X-Amz-Credential").split("/");
        demand(scope.length == 5, "the credential has no scope");
        demand(url.getScheme().equals("https"), "the scheme is not https");
        demand(url.getHost().equals("kafka." + REGION + ".amazonaws.com"), "wrong host");
        demand(scope[2].equals(REGION), "wrong region");
        demand(scope[3].equals("kafka-cluster") && scope[4].equals("aws4_request"), "wrong service");
        demand(query.get("Action").equals("kafka-cluster:Connect"), "wrong action");
        demand(scope[0].equals(ACCESS_KEY), "unknown access key");
        demand(signature(url.getHost(), query, scope).equals(query.get("X-Amz-Signature")), "wrong signature");
        Instant start = Instant.from(AMZ_DATE.parse(query.get("X-Amz-Date")));
        Instant end = start.plusSeconds(Long.parseLong(query.get("X-Amz-Expires")));
        demand(now().isBefore(end), "expired");
        return new Accepted(token, scope[0], start.toEpochMilli(), end.toEpochMilli());
    }

    private static String signature(String host, TreeMap<String, String> query, String[] scope) throws Exception {
        StringBuilder canonical = new StringBuilder();
        for (Map.Entry<String, String> pair : query.entrySet()) {
            // The user agent is added behind the signature.
            if (!Set.of("X-Amz-Signature", "User-Agent").contains(pair.getKey())) {
                canonical.append(canonical.isEmpty() ? "" : "&");
                canonical.append(encoded(pair.getKey())).append('=').append(encoded(pair.getValue()));
            }
        }
        String request = "GET\n/\n" + canonical + "\nhost:" + host + "\n\nhost\n" + sha256("");
        String scopeText = scope[1] + "/" + scope[2] + "/" + scope[3] + "/" + scope[4];
        String toSign = "AWS4-HMAC-SHA256\n" + query.get("X-Amz-Date") + "\n" + scopeText + "\n" + sha256(request);
        byte[] key = ("AWS4" + SECRET_KEY).getBytes(StandardCharsets.UTF_8);
        for (int part = 1; part < scope.length; part++) {
            key = hmac(key, scope[part]);
        }
        return HexFormat.of().formatHex(hmac(key, toSign));
    }

    private static void demand(boolean holds, String otherwise) {
        if (!holds) {
            throw new IllegalArgumentException(otherwise);
        }
    }

    private static byte[] hmac(byte[] key, String text) throws Exception {
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(key, "HmacSHA256"));
        return mac.doFinal(text.getBytes(StandardCharsets.UTF_8));
    }

    private static String sha256(String text) throws Exception {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    }

    private static String decoded(String text) {
        return URLDecoder.decode(text, StandardCharsets.UTF_8);
    }

    private static String encoded(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20").replace("*", "%2A").replace("%7E", "~");
    }

    private static void log(String decision, String token, String why) {
        try {
            String line = decision + " " + sha256(token).substring(0, 16) + " " + why + "\n";
            Files.writeString(LOG, line, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        } catch (Exception failed) {
            throw new IllegalStateException(failed);
        }
    }

    private record Accepted(String value, String principalName, Long startTimeMs, long lifetimeMs)
            implements OAuthBearerToken {
        @Override
        public Set<String> scope() {
            return Set.of();
        }
    }
}

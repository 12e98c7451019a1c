// Java's HttpClient: one healthy call, one with the word Bearer twice.

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.Base64;

class WithHttpClient {
    static final HttpClient CLIENT = HttpClient.newHttpClient();

    static int incident(String authorization) throws Exception {
        var url = "https://" + System.getenv("HOST") + "/api/now/table/incident?sysparm_limit=1";
        var request = HttpRequest.newBuilder(URI.create(url)).header("Authorization", authorization).build();
        return CLIENT.send(request, BodyHandlers.discarding()).statusCode();
    }

    public static void main(String[] arguments) throws Exception {
        var user = System.getenv("CLIENT_USER") + ":" + System.getenv("CLIENT_PASSWORD");
        var good = incident("Basic " + Base64.getEncoder().encodeToString(user.getBytes()));
        var bad = incident("Bearer Bearer 8yJpLm2Qx4TtVw6Zr0Nk3Bs5Df7Gh9Jc1Xa2We4Rt6Yu8Io0Pq3As5Df7Gh9Jk1Lz2Xc4Vb6Nm8Qw0Er3Ty5UiA");
        System.out.println("healthy " + good + ", failing " + bad);
        System.exit(good == 200 && bad == 401 ? 0 : 1);
    }
}

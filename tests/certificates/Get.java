// One GET with each of Java's own clients; exit status 0 where both were answered.

import java.net.HttpURLConnection;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;

class Get {
    interface Call {
        int status() throws Exception;
    }

    static boolean answered(String name, Call call) {
        try {
            System.out.println(name + " " + call.status());
            return true;
        } catch (Exception error) {
            System.out.println(name + " " + error);
            return false;
        }
    }

    public static void main(String[] arguments) {
        var url = URI.create(arguments[0]);
        var request = HttpRequest.newBuilder(url).build();
        boolean client = answered("HttpClient",
            () -> HttpClient.newHttpClient().send(request, BodyHandlers.discarding()).statusCode());
        boolean connection = answered("HttpURLConnection",
            () -> ((HttpURLConnection) url.toURL().openConnection()).getResponseCode());
        // Neither, or both: a difference between them is a fault of this test.
        System.exit(client && connection ? 0 : client || connection ? 9 : 1);
    }
}

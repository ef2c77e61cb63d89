import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.util.Arrays;

/** Runs the main class that its first argument names, until it ends or whoever started it is gone (standard input ends). */
public final class WithParent {
    public static void main(String[] arguments) throws Throwable {
        Thread watch = new Thread(WithParent::haltAtEndOfInput, "parent-watch");
        watch.setDaemon(true);
        watch.start();
        String[] rest = Arrays.copyOfRange(arguments, 1, arguments.length);
        try {
            Class.forName(arguments[0]).getMethod("main", String[].class).invoke(null, (Object) rest);
        } catch (InvocationTargetException failed) {
            throw failed.getCause();
        }
    }

    private static void haltAtEndOfInput() {
        try {
            while (System.in.read() >= 0) {
                // What comes in does not matter, only that it ends.
            }
        } catch (IOException gone) {
            // As good as its end.
        }
        Runtime.getRuntime().halt(1);
    }
}

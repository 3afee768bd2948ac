import { serve } from "./lic.js";
serve();
